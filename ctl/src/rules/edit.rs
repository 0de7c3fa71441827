// SPDX-License-Identifier: GPL-2.0
//! Changes to the text of the rules. All of it that is not concerned stays as it is: comments, empty
//! lines and layout.
//!
//! A rule ends at a line's end or `;`, and so does the comment on it.

use std::ops::Range;

use super::Rule;

/// Whether a rule ends here.
fn is_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | b';')
}

/// Where what is behind a rule lies, up to its end: a comment, if anything.
pub(crate) fn behind(text: &[u8], rule: &Rule) -> Range<usize> {
    let start = rule.place.end;
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.iter().position(is_end).unwrap_or(rest.len());
    start..start + length
}

/// Where what is before a rule begins, in its line or behind another one's end.
fn start(text: &[u8], rule: &Rule) -> usize {
    let before = text.get(..rule.place.start).unwrap_or_default();
    before.iter().rposition(is_end).map_or(0, |end| end + 1)
}

/// The text with a rule more, in front of another one.
pub(crate) fn insert(text: &[u8], before: &Rule, rule: &str) -> Vec<u8> {
    let start = start(text, before);
    if start > 0 && text[start - 1] == b';' {
        return splice(
            text,
            before.place.start..before.place.start,
            &format!("{rule}; "),
        );
    }
    let line = above_comments(text, start);
    splice(text, line..line, &format!("{rule}\n"))
}

/// Where the comments begin that stand right above the line that begins at `line`.
fn above_comments(text: &[u8], line: usize) -> usize {
    let mut start = line;
    while let Some(end) = start.checked_sub(1) {
        let above = text[..end].iter().rposition(|&byte| byte == b'\n');
        let above = above.map_or(0, |end| end + 1);
        let is_comment =
            |line: &[u8]| line.trim_ascii_start().starts_with(b"#") && !line.contains(&b';');
        if !is_comment(&text[above..end]) {
            break;
        }
        start = above;
    }
    start
}

/// The text with a rule more, behind all others.
pub(crate) fn append(text: &[u8], rule: &str) -> Vec<u8> {
    let mut text = text.to_vec();
    if text.last().is_some_and(|&last| last != b'\n') {
        text.push(b'\n');
    }
    text.extend(rule.bytes());
    text.push(b'\n');
    text
}

/// The text without a rule and the comment on it, and without its line if nothing else is in there.
pub(crate) fn delete(text: &[u8], rule: &Rule) -> Vec<u8> {
    let (start, end) = (start(text, rule), behind(text, rule).end);
    let before = start.checked_sub(1).map(|at| text[at]);
    let place = match (before, text.get(end)) {
        (Some(b';'), None | Some(b'\n')) => start - 1..end,
        (Some(b';'), Some(_)) => start..end + 1,
        (_, Some(b';')) => start..end + 1 + blanks(&text[end + 1..]),
        (_, Some(_)) => start..end + 1,
        (_, None) => start..end,
    };
    splice(text, place, "")
}

/// How many blanks there are in front, and the line's end if nothing else is in the line.
fn blanks(text: &[u8]) -> usize {
    let blanks = text
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    blanks + usize::from(text.get(blanks) == Some(&b'\n'))
}

fn splice(text: &[u8], place: Range<usize>, new: &str) -> Vec<u8> {
    [&text[..place.start], new.as_bytes(), &text[place.end..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules of a text, as the module finds them.
    fn rules(text: &str) -> Vec<Rule> {
        let mut rules = Vec::new();
        let mut at = 0;
        for part in text.split_inclusive([';', '\n']) {
            let rule = part.trim_end_matches([';', '\n']);
            let rule = rule.split('#').next().unwrap();
            let start = at + rule.len() - rule.trim_start().len();
            let length = rule.trim().len();
            if length > 0 {
                rules.push(Rule {
                    number: rules.len() + 1,
                    line: 0,
                    place: start..start + length,
                    hits: 0,
                    expired: false,
                });
            }
            at += part.len();
        }
        rules
    }

    #[test]
    fn an_inserted_rule_gets_a_line_of_its_own_or_a_place_in_one() {
        for (text, before, expected) in [
            ("a\n", 1, "new\na\n"),
            ("a", 1, "new\na"),
            ("a\n  b # c\n", 2, "a\nnew\n  b # c\n"),
            ("a; b", 1, "new\na; b"),
            ("a; b", 2, "a; new; b"),
            ("a # c; b\n", 2, "a # c; new; b\n"),
            (
                "# of all\n\n# of a\n  # as well\na\n",
                1,
                "# of all\n\nnew\n# of a\n  # as well\na\n",
            ),
            ("b\n# c; a\nd", 3, "b\n# c; a\nnew\nd"),
            ("# c\na", 1, "new\n# c\na"),
        ] {
            let new = insert(text.as_bytes(), &rules(text)[before - 1], "new");
            assert_eq!(String::from_utf8(new).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn an_appended_rule_gets_a_line_of_its_own() {
        for (text, expected) in [
            ("", "new\n"),
            ("a", "a\nnew\n"),
            ("a\n# c", "a\n# c\nnew\n"),
        ] {
            let new = append(text.as_bytes(), "new");
            assert_eq!(String::from_utf8(new).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_deleted_rule_takes_its_comment_and_its_line_along_but_nothing_else() {
        for (text, number, expected) in [
            ("a", 1, ""),
            ("a\n", 1, ""),
            ("  a  # c\nb\n", 1, "b\n"),
            ("a\n\tb # c\n\nd", 2, "a\n\nd"),
            ("a\nb", 2, "a\n"),
            ("a; b; c", 1, "b; c"),
            ("a; b; c", 2, "a; c"),
            ("a; b; c", 3, "a; b"),
            ("a # x; b # y\n c", 1, "b # y\n c"),
            ("a # x; b # y\n c", 2, "a # x\n c"),
            ("a; \n\nb", 1, "\nb"),
            ("# c; a\nb", 1, "# c\nb"),
            ("# above\na\n# below\n", 1, "# above\n# below\n"),
        ] {
            let new = delete(text.as_bytes(), &rules(text)[number - 1]);
            assert_eq!(String::from_utf8(new).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_left_are_the_other_rules() {
        let text = "# begin\na # 1; b;c\n ; d # 4\n\n\te;;f # 6; g";
        let names = |text: &str| -> String {
            let rules = rules(text);
            rules.iter().map(|rule| &text[rule.place.clone()]).collect()
        };
        for rule in rules(text) {
            let without = String::from_utf8(delete(text.as_bytes(), &rule)).unwrap();
            let name = &text[rule.place.clone()];
            assert_eq!(names(&without), "abcdefg".replace(name, ""), "{without:?}");
            let with = String::from_utf8(insert(text.as_bytes(), &rule, "X")).unwrap();
            assert_eq!(
                names(&with),
                "abcdefg".replace(name, &format!("X{name}")),
                "{with:?}"
            );
        }
    }

    #[test]
    fn the_comment_on_a_rule_ends_with_it() {
        let text = "a # 1; b\n";
        let comments = rules(text).into_iter();
        let comments: Vec<_> = comments
            .map(|rule| &text[behind(text.as_bytes(), &rule)])
            .collect();
        assert_eq!(comments, [" # 1", ""]);
    }
}
