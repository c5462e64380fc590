//! What ends data in a channel, and what does not.

use super::*;

#[test]
fn the_mark_stands_in_the_last_block_and_only_zeros_follow() {
    let plain = |marked: &[(usize, u8)]| {
        let mut plain = [0; 32];
        for (at, byte) in marked {
            if let Some(place) = plain.get_mut(*at) {
                *place = *byte;
            }
        }
        plain
    };
    for at in 16..32 {
        assert_eq!(unpadded(&plain(&[(0, 7), (at, 0x80)])), Some(at));
        assert_eq!(unpadded(&plain(&[(0, 7), (at, 0x81)])), None);
    }
    // A mark a whole block too early, and none at all.
    assert_eq!(unpadded(&plain(&[(15, 0x80)])), None);
    assert_eq!(unpadded(&plain(&[])), None);
    assert_eq!(unpadded(&plain(&[(16, 0x80), (31, 1)])), None);
}
