//! Nothing is allocated: what the crate promises, counted.

use std::alloc::System;

use kaika_apdu::tlv::{Form, Reader, Writer, walk};
use kaika_apdu::{Command, Dol, Response, StatusWord, Tag, compact};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const LIST: [u8; 24] = [
    0x9f, 0x66, 0x04, 0x9f, 0x02, 0x06, 0x9f, 0x03, 0x06, 0x9f, 0x1a, 0x02, 0x95, 0x05, 0x5f, 0x2a,
    0x02, 0x9a, 0x03, 0x9c, 0x01, 0x9f, 0x37, 0x04,
];

/// Everything that the crate can do, once; the counts keep it from being left out.
fn everything(tree: &[u8]) -> usize {
    let mut out = [0; 300];
    let command = Command::short([0x80, 0xa8, 0, 0], &LIST, 256);
    let length = command.encode(&mut out).unwrap_or(0);
    let mut done = usize::from(Command::parse(&out[..length]) == Ok(command));
    done += usize::from(Command::parse(&[0, 1, 2]).is_err());
    let response = Response {
        data: &LIST,
        status: StatusWord::OK,
    };
    let length = response.encode(&mut out).unwrap_or(0);
    done += usize::from(Response::parse(&out[..length]) == Ok(response));
    let mut objects = 0;
    done += usize::from(walk(tree, Form::Any, |_, _| objects += 1).is_ok());
    done += objects + Reader::new(tree).filter(Result::is_ok).count();
    let mut writer = Writer::new(&mut out);
    let written = Dol::parse(&LIST).map(|list| list.fill(|_| Some(&[1]), &mut writer));
    done += usize::from(written == Ok(Ok(())));
    let object = compact::Compact {
        tag: 5,
        value: b"KAIKA",
    };
    let length = compact::put(object, &mut out).unwrap_or(0);
    done + compact::Reader::new(&out[..length]).count()
}

#[test]
fn nothing_is_allocated() {
    let mut buffer = [0; 2000];
    let mut writer = Writer::new(&mut buffer);
    for _ in 0..20 {
        let record = |out: &mut Writer<'_>| {
            out.put(Tag::PAN, &[0x62; 8])?;
            out.nest(Tag::FCI_PROPRIETARY, |out| out.put(Tag::PDOL, &LIST))
        };
        assert_eq!(writer.nest(Tag::RECORD, record), Ok(()));
    }
    let region = Region::new(COUNTED);
    let done = everything(writer.written());
    let counted = region.change();
    // Three of commands and answers, the walk and its 80 objects, 20 records, the list, the compact object.
    assert_eq!(done, 3 + 81 + 20 + 1 + 1);
    assert_eq!((counted.allocations, counted.reallocations), (0, 0));
}
