//! Sequence charts as pictures: an SVG that stands alone and reads on light and dark pages. Start at [`draw`].

use std::fmt::Write as _;

use crate::chart::{Hop, Tone, lanes, names, spoken, tone};
use crate::told::party;

/// From lane to lane.
const WIDTH: usize = 240;
/// From hop to hop.
const HEIGHT: usize = 34;
/// Above the first hop.
const HEAD: usize = 64;
/// Beside the outermost lanes.
const SIDE: usize = 70;
/// About the width of a letter.
const LETTER: usize = 7;

/// Colours on a ground of its own, so that it reads on a light page and on a dark one. Words stand out from a rail that
/// they cross by an edge of the ground's colour.
const STYLE: &str = "text{font:13px sans-serif;fill:#1c1c1c;stroke:#fff;stroke-width:4px;stroke-linejoin:round;\
paint-order:stroke}.note+text{stroke:none}.head{font-weight:bold}path{fill:none}\
.ground{fill:#fff}.rail{stroke:#999}.note{fill:#f3f3f3;stroke:#999}.answer{stroke-dasharray:5 4}\
path.says{stroke:#1f5fbf}path.good{stroke:#1a7f37}path.bad{stroke:#c62828}text.good{fill:#1a7f37}text.bad{fill:#c62828}";

/// The picture of a chart.
pub fn draw(title: &str, hops: &[Hop]) -> String {
    let lanes = lanes(hops);
    let width = breadth(&lanes, hops);
    let height = HEAD + HEIGHT * (hops.len() + 1);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n<rect class=\"ground\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n",
        escaped(title)
    );
    for (at, lane) in lanes.iter().enumerate() {
        let x = SIDE + at * WIDTH;
        let (text, end) = (escaped(party(lane)), height - HEIGHT / 2);
        let _ = writeln!(
            svg,
            "<text class=\"head\" x=\"{x}\" y=\"28\" text-anchor=\"middle\">{text}</text>\
             <line class=\"rail\" x1=\"{x}\" y1=\"38\" x2=\"{x}\" y2=\"{end}\"/>"
        );
    }
    for (at, hop) in hops.iter().enumerate() {
        let y = HEAD + HEIGHT * at;
        let xs = names(hop).into_iter().map(|name| place(&lanes, name));
        let _ = writeln!(svg, "{}", line(hop, &xs.collect::<Vec<_>>(), y));
    }
    svg.push_str("</svg>\n");
    svg
}

/// Wide enough for every lane and for words that reach beyond the last one.
fn breadth(lanes: &[&str], hops: &[Hop]) -> usize {
    let least = SIDE * 2 + WIDTH * lanes.len().saturating_sub(1);
    let ends = hops.iter().map(|hop| {
        let left = names(hop).into_iter().map(|name| place(lanes, name)).min();
        left.unwrap_or_default() + LETTER * words(hop).chars().count() + 32
    });
    ends.max().unwrap_or_default().max(least)
}

/// What is written at a hop.
fn words(hop: &Hop) -> String {
    match hop {
        Hop::Says(_, _, what) | Hop::Answers(_, _, what) | Hop::Notes(_, what) => what.clone(),
        Hop::Judges(_, _, judged) => spoken(judged.verdict),
    }
}

fn place(lanes: &[&str], name: &str) -> usize {
    let at = lanes.iter().position(|lane| *lane == name);
    SIDE + at.unwrap_or_default() * WIDTH
}

/// One hop: an arrow with its words above, or a box.
fn line(hop: &Hop, xs: &[usize], y: usize) -> String {
    match (hop, xs) {
        (Hop::Says(_, _, what), [from, to]) => arrow(*from, *to, y, "says", what),
        (Hop::Answers(_, _, what), [from, to]) => arrow(*from, *to, y, "answer says", what),
        (Hop::Judges(_, _, judged), [from, to]) => {
            let class = match tone(hop) {
                Tone::Good => "answer good",
                Tone::Bad | Tone::Plain => "answer bad",
            };
            arrow(*from, *to, y, class, &spoken(judged.verdict))
        }
        (_, xs) => noted(xs.first().copied().unwrap_or_default(), y, hop),
    }
}

fn arrow(from: usize, to: usize, y: usize, class: &str, what: &str) -> String {
    let (left, back) = (from.min(to) + 8, if to > from { -7 } else { 7 });
    let tip = to as isize + back;
    format!(
        "<text class=\"{class}\" x=\"{left}\" y=\"{}\">{}</text>\
         <path class=\"{class}\" d=\"M{from} {y}H{to}\"/>\
         <path class=\"{}\" d=\"M{tip} {}L{to} {y}L{tip} {}\"/>",
        y - 5,
        escaped(what),
        class.trim_start_matches("answer "),
        y - 4,
        y + 4
    )
}

fn noted(x: usize, y: usize, hop: &Hop) -> String {
    let Hop::Notes(_, what) = hop else {
        return String::new();
    };
    let width = 16 + LETTER * what.chars().count();
    format!(
        "<rect class=\"note\" x=\"{}\" y=\"{}\" width=\"{width}\" height=\"20\" rx=\"4\"/>\
         <text x=\"{}\" y=\"{}\">{}</text>",
        x + 6,
        y - 14,
        x + 14,
        y,
        escaped(what)
    )
}

/// Text as XML wants it.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::draw;
    use crate::chart::{Chart, Hop};
    use crate::role::Verdict;

    #[test]
    fn text_is_escaped_and_verdicts_have_a_colour() {
        let mut chart = Chart::on();
        chart.ask("alice", "verifier", "a < b & \"c\"", Verdict::Accept);
        chart.ask("mallory", "verifier", "again", Verdict::Sw(0x6982));
        chart.note("verifier", "waits");
        let svg = draw("<one>", chart.hops());
        assert!(svg.contains("<title>&lt;one&gt;</title>"));
        assert!(svg.contains(">a &lt; b &amp; &quot;c&quot;</text>"));
        assert!(svg.contains("\"answer good\"") && svg.contains("\"answer bad\""));
        assert!(svg.contains(">waits</text>"));
        assert_eq!(svg.matches("class=\"rail\"").count(), 3);
    }

    /// As wide as its lanes, and wider where words at the last lane need it.
    #[test]
    fn nothing_is_cut_off_on_the_right() {
        let said = Hop::Says("alice", "chip", "x".to_owned());
        let long = Hop::Notes("chip", "w".repeat(50));
        assert!(draw("", std::slice::from_ref(&said)).contains("viewBox=\"0 0 380 "));
        assert!(draw("", &[said, long]).contains("viewBox=\"0 0 692 "));
    }

    /// Each tag that is opened is closed, and none but these is there.
    #[test]
    fn it_is_well_formed() {
        let svg = draw("", &[Hop::Says("alice", "chip", "x".to_owned())]);
        let count = |tag: &str| svg.matches(tag).count();
        for tag in ["svg", "title", "style", "text"] {
            let open = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
            assert_eq!(open, count(&format!("</{tag}>")), "{tag}");
        }
        let alone = count("<path ") + count("<line ") + count("<rect ");
        assert_eq!(alone, count("/>"));
    }
}
