//! `Printable`: text from a peer, made safe for a terminal.

use std::fmt::{self, Write};

/// Text that a peer chose, shown without anything that a terminal would obey.
///
/// Control characters (escape sequences begin with one), and invisible ones that reorder or hide
/// their neighbours, are written as `\u{1b}`; everything else is unchanged. Escaping twice changes
/// nothing.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() || is_invisible(c) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Direction marks, joiners, line and paragraph separators, and tags.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::Printable;

    #[test]
    fn nothing_a_terminal_would_obey_is_left() {
        let shown = |text| Printable(text).to_string();
        assert_eq!(shown("a.test, \"b\" \\ ä 漢"), "a.test, \"b\" \\ ä 漢");
        assert_eq!(shown("\x1b]0;x\x07"), "\\u{1b}]0;x\\u{7}");
        assert_eq!(shown("a\r\nb\t\u{9b}2J"), "a\\u{d}\\u{a}b\\u{9}\\u{9b}2J");
        assert_eq!(shown("a\u{202e}b\u{200b}"), "a\\u{202e}b\\u{200b}");
        let once = shown("\x1b[2J");
        assert_eq!(shown(&once), once);
    }
}
