//! The little of Markdown that the report is written in, as HTML: headings, paragraphs, lists, tables, `code`, **bold**.

use crate::plot::escape;

/// The text as HTML. Comments are left out. SVG passes as it is: a line that begins with `<svg` is one whole plot.
#[must_use]
pub fn html(markdown: &str) -> String {
    let mut html = String::new();
    for block in blocks(markdown) {
        let first = block.first().copied().unwrap_or_default();
        if first.starts_with("<svg") {
            html.push_str(&format!("<figure>{}</figure>\n", block.join("\n")));
        } else if let Some((marks, title)) = heading(first) {
            html.push_str(&format!("<h{marks}>{}</h{marks}>\n", inline(title)));
        } else if first.starts_with('|') {
            html.push_str(&table(&block));
        } else if first.starts_with("- ") {
            html.push_str(&list(&block));
        } else {
            html.push_str(&format!("<p>{}</p>\n", inline(&block.join("\n"))));
        }
    }
    html
}

/// Lines that belong together: up to an empty one, or to a line of another kind.
fn blocks(markdown: &str) -> Vec<Vec<&str>> {
    let mut blocks: Vec<Vec<&str>> = Vec::new();
    let mut is_new = true;
    for line in markdown.lines() {
        if line.trim().is_empty() || line.starts_with("<!--") {
            is_new = true;
            continue;
        }
        let is_alone = heading(line).is_some() || line.starts_with("<svg");
        let is_other = |block: &Vec<&str>| block[0].starts_with('|') != line.starts_with('|');
        match blocks.last_mut() {
            Some(block) if !is_new && !is_alone && !is_other(block) => block.push(line),
            _ => blocks.push(vec![line]),
        }
        is_new = is_alone;
    }
    blocks
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let marks = line.chars().take_while(|mark| *mark == '#').count();
    let title = line[marks..].strip_prefix(' ')?;
    (1..=6).contains(&marks).then_some((marks, title))
}

fn list(lines: &[&str]) -> String {
    let text = lines.join("\n");
    let items = text[2..]
        .split("\n- ")
        .map(|item| format!("<li>{}</li>\n", inline(item)));
    format!("<ul>\n{}</ul>\n", items.collect::<String>())
}

fn table(lines: &[&str]) -> String {
    let row = |line: &str, tag: &str| {
        let cells = line.trim().trim_matches('|').split('|');
        let cells = cells.map(|cell| format!("<{tag}>{}</{tag}>", inline(cell.trim())));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let is_rule = |line: &&str| line.chars().all(|mark| "|-: ".contains(mark));
    let (head, body) = lines
        .split_first()
        .map_or(("", &[][..]), |(head, body)| (*head, body));
    let body = body.iter().copied().filter(|line| !is_rule(line));
    let rows: String = body.map(|line| row(line, "td")).collect();
    format!(
        "<table>\n<thead>{}</thead>\n<tbody>\n{rows}</tbody>\n</table>\n",
        row(head, "th")
    )
}

/// `code` and **bold**.
fn inline(text: &str) -> String {
    let paired = |text: &str, mark: &str, tag: &str| {
        let parts: Vec<_> = text.split(mark).collect();
        let last = parts.len() - 1;
        let part = |(at, part): (usize, &&str)| match at % 2 == 1 {
            true if at < last => format!("<{tag}>{part}</{tag}>"),
            // The mark has no partner, so it is itself.
            true => format!("{mark}{part}"),
            false => (*part).to_owned(),
        };
        parts.iter().enumerate().map(part).collect::<String>()
    };
    paired(&paired(&escape(text), "`", "code"), "**", "strong")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_report_uses_becomes_html() {
        let cases = [
            ("## Two & more", "<h2>Two &amp; more</h2>\n"),
            ("one\ntwo\n\nthree", "<p>one\ntwo</p>\n<p>three</p>\n"),
            (
                "- a\n- b\n  c\n",
                "<ul>\n<li>a</li>\n<li>b\n  c</li>\n</ul>\n",
            ),
            (
                "`--wait` is **the** thing",
                "<p><code>--wait</code> is <strong>the</strong> thing</p>\n",
            ),
            ("a ` b", "<p>a ` b</p>\n"),
            ("<!-- hidden -->\nshown", "<p>shown</p>\n"),
            ("<svg a></svg>", "<figure><svg a></svg></figure>\n"),
            ("a < b", "<p>a &lt; b</p>\n"),
        ];
        for (markdown, expected) in cases {
            assert_eq!(html(markdown), expected, "{markdown}");
        }
    }

    #[test]
    fn a_table_ends_where_its_lines_do() {
        let made = html("| a | b |\n| --- | ---: |\n| 1 | `2` |\nafter");
        let expected = "<table>\n<thead><tr><th>a</th><th>b</th></tr>\n</thead>\n<tbody>\n\
                        <tr><td>1</td><td><code>2</code></td></tr>\n</tbody>\n</table>\n<p>after</p>\n";
        assert_eq!(made, expected);
    }
}
