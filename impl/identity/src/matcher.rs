//! What a face matcher is asked, and the simulator that stands in for one. No biometrics are shipped.

/// Pictures to compare.
#[derive(Clone, Copy, Debug)]
pub struct Pictures<'a> {
    /// Front of the document.
    pub front: &'a [u8],
    /// Back of the document.
    pub back: &'a [u8],
    /// Frames of the video.
    pub frames: &'a [&'a [u8]],
}

/// What is on record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Name.
    pub name: &'a str,
    /// Number of the document.
    pub id_no: &'a str,
    /// Face.
    pub face: &'a str,
}

/// Component scores, of 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scores {
    /// Live frames against the record.
    pub live_record: u16,
    /// Photo of the document against the record.
    pub photo_record: u16,
    /// Text of the document against the record.
    pub text_record: u16,
}

impl Scores {
    /// Nothing fits.
    pub const NONE: Self = Self {
        live_record: 0,
        photo_record: 0,
        text_record: 0,
    };
}

/// A face matcher.
pub trait Matcher: Send + Sync + 'static {
    /// Compares pictures with a record.
    fn compare(&self, pictures: &Pictures<'_>, record: &Record<'_>) -> Scores;
}

/// Reads pictures as text: a line `face: NAME` says whom a picture shows. `spec/90-wire.md`, section *Identity*.
#[derive(Clone, Copy, Debug, Default)]
pub struct Simulator;

impl Matcher for Simulator {
    fn compare(&self, pictures: &Pictures<'_>, record: &Record<'_>) -> Scores {
        let face = |picture| line(picture, "face").map_or(0, |shown| likeness(shown, record.face));
        let text = line(pictures.front, "name") == Some(record.name)
            && line(pictures.front, "id_no") == Some(record.id_no);
        Scores {
            live_record: pictures
                .frames
                .iter()
                .map(|frame| face(frame))
                .min()
                .unwrap_or(0),
            photo_record: face(pictures.front),
            text_record: if text { 1000 } else { 0 },
        }
    }
}

fn line<'a>(picture: &'a [u8], label: &str) -> Option<&'a str> {
    let text = core::str::from_utf8(picture).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix(label)?.strip_prefix(": "))
}

fn likeness(shown: &str, recorded: &str) -> u16 {
    match recorded.strip_prefix(shown) {
        Some("") => 1000,
        Some(_) if shown.chars().count() >= 4 => 600,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(front: &str, frames: &[&str], want: [u16; 3]) {
        let frames: Vec<&[u8]> = frames.iter().map(|frame| frame.as_bytes()).collect();
        let pictures = Pictures {
            front: front.as_bytes(),
            back: b"",
            frames: &frames,
        };
        let scores = Simulator.compare(
            &pictures,
            &Record {
                name: "Li Lei",
                id_no: "1",
                face: "li-lei",
            },
        );
        assert_eq!(
            [scores.live_record, scores.photo_record, scores.text_record],
            want
        );
    }

    #[test]
    fn the_rules() {
        let front = "face: li-lei\nname: Li Lei\nid_no: 1\n";
        check(front, &["face: li-lei", "face: li-lei"], [1000, 1000, 1000]);
        check(front, &["face: li-lei", "face: han"], [0, 1000, 1000]);
        check(front, &["face: li-l"], [600, 1000, 1000]);
        check(front, &["face: li-"], [0, 1000, 1000]);
        check(front, &["face: "], [0, 1000, 1000]);
        check(front, &[], [0, 1000, 1000]);
        check("name: Li Lei\nid_no: 2", &["face: li-lei"], [1000, 0, 0]);
        check("\u{0}", &["face: li-lei and more"], [0, 0, 0]);
    }
}
