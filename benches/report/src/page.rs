//! The report: blocks of Markdown, as a page with plots and as a summary without them.

use std::iter;

use pulldown_cmark::{Event, Options, Parser};

use crate::claims::{self, Claim};
use crate::figures::{P50, PPS};
use crate::job::VARIANTS;
use crate::plan::{CONTROL, SATURATED};
use crate::plot::{self, Axes, Line};
use crate::questions::{self, PING_COLUMNS, SATURATED_COLUMNS};
use crate::results::Column::To;
use crate::results::{Group, Results, Series};
use crate::table::{Table, scaled};

/// The page, which fetches nothing, and the summary. `answers` is the answers file with fresh
/// tables.
pub(crate) fn page_and_summary(
    results: &Results,
    answers: &str,
    claims: &[Claim],
) -> anyhow::Result<[String; 2]> {
    let mut blocks = blocks(results, answers, claims)?;
    let page = html(&blocks.join("\n\n"));
    blocks.retain(|block| !block.starts_with("<figure>"));
    Ok([page, blocks.join("\n\n") + "\n"])
}

/// Plots pass; comments are dropped; all other HTML is text.
fn html(markdown: &str) -> String {
    let events =
        Parser::new_ext(markdown, Options::ENABLE_TABLES).filter_map(|event| match event {
            Event::Html(html) if html.starts_with("<!--") => None,
            Event::Html(html) if !html.starts_with("<figure>") => Some(Event::Text(html)),
            Event::InlineHtml(html) => Some(Event::Text(html)),
            event => Some(event),
        });
    let mut body = String::new();
    pulldown_cmark::html::push_html(&mut body, events);
    let style = include_str!("page.css");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>xskit: the head-to-head</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><style>\n{style}</style></head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// What stands between two empty lines.
fn blocks(results: &Results, answers: &str, claims: &[Claim]) -> anyhow::Result<Vec<String>> {
    let mut page = head(results);
    page.extend([
        "## As many packets as go".to_owned(),
        format!(
            "`{CONTROL}` is the first way once more: how far its ratio is from 1 is what chance alone makes of a \
             ratio. System calls of rivals are not counted."
        ),
    ]);
    for (task, _) in SATURATED {
        for len in [64, 1400] {
            if let Some(group) = results.group(&format!("{}-{len}", task.word())) {
                page.push(format!("### {}: {}", task.word(), group.title));
                let mut columns = SATURATED_COLUMNS.to_vec();
                columns.retain(|it| !matches!(it, To(.., rival) if group.series(rival).is_none()));
                page.push(questions::comparison(group, &columns));
            }
        }
    }
    page.push("## Throughput by batch".to_owned());
    for task in ["tx", "fwd"] {
        page.extend(batches(results, task)?);
    }
    page.push("## Round trips".to_owned());
    for group in ["ping", "ping-wait"]
        .map(|id| results.group(id))
        .into_iter()
        .flatten()
    {
        page.extend(round_trips(group)?);
    }
    page.extend([
        "## Many sockets on one thread".to_owned(),
        questions::sockets(results),
        "Each socket has its own UMEM. Over rings in memory a packet is sent, received again, and its frame \
         recycled, and the other side moves descriptors only. Over a veth the kernel sends it, and the kicks of all \
         sockets are submitted at once."
            .to_owned(),
        "# The open questions".to_owned(),
    ]);
    // The answers file has a title, which stands above already.
    let answers = answers.lines().filter(|line| !line.starts_with("# "));
    page.push(answers.collect::<Vec<_>>().join("\n"));
    page.push("## What these paragraphs claim, and what this run measured".to_owned());
    page.push(claims::table(claims, results));
    page.retain(|block| !block.is_empty());
    Ok(page)
}

fn head(results: &Results) -> Vec<String> {
    let notes = results
        .notes
        .iter()
        .map(|note| format!("- {}\n", note.replace('\n', " ")));
    let quick =
        "**A quick round: it shows that everything runs. Its figures are good for nothing else.**";
    vec![
        "# xskit: backends, ways to wait, and rivals, head to head".to_owned(),
        format!(
            "Made by `cargo xtask bench` in {:.0} s on a {}, over veth in copy mode. Rounds: {}. Contestants of a \
             table do the same job one right after the other, round after round. A figure is the median over rounds \
             and, in brackets, the range in which eight of ten lie; a ratio is the median of the ratios of each \
             round.",
            results.seconds,
            results.machine,
            results.rounds(),
        ),
        "The sending end has one core, the receiving end another. A variant with SQPOLL may use both, since its \
         kernel thread needs one: in round trips, with SQPOLL at both ends, twice as many threads are busy as there \
         are cores. Processor time is that of the process, including the kernel's work on its behalf and its kernel \
         threads. Over a veth most of that work is the sender's: the kernel runs the receiving side where the packet \
         was sent."
            .to_owned(),
        if results.quick { quick.to_owned() } else { String::new() },
        notes.collect(),
    ]
}

fn line(series: &Series, points: Vec<(f64, f64)>) -> Line<'_> {
    let variant = VARIANTS
        .iter()
        .position(|variant| variant.name == series.name);
    let of_other = VARIANTS.len() + usize::from(series.name.ends_with("busy"));
    Line {
        name: &series.name,
        points,
        is_dashed: series.name.starts_with("uring"),
        colour: variant.unwrap_or(of_other),
    }
}

/// Throughput by the number of packets per turn.
fn batches(results: &Results, task: &str) -> anyhow::Result<[String; 2]> {
    let prefix = format!("batch-{task}-");
    let of_task = results.groups.iter().filter_map(|group| {
        let batch: u32 = group.id.strip_prefix(&prefix)?.parse().ok()?;
        Some((batch, group))
    });
    let groups: Vec<_> = of_task.collect();
    let ways = groups.first().map_or(&[][..], |(_, group)| &group.series);
    let rate = |group: &Group, way: &Series| group.series(&way.name)?.spread(PPS);
    let axes = Axes {
        title: &format!("{task} of 64 bytes: packets/s by packets per turn"),
        x_label: "packets per turn (--batch)",
        y_label: "packets/s",
        x_name: |x| x.exp2().to_string(),
        y_is_log: false,
    };
    let lines = ways.iter().map(|way| {
        let point = |(batch, group): &(u32, &Group)| {
            Some((f64::from(*batch).log2(), rate(group, way)?.median))
        };
        line(way, groups.iter().filter_map(point).collect())
    });
    let titles = groups.iter().map(|(batch, _)| format!("batch {batch}"));
    let mut table = Table::new(iter::once(format!("{task}, million packets/s")).chain(titles));
    for way in ways {
        let rates = groups
            .iter()
            .map(|(_, group)| scaled(rate(group, way), 1e-6));
        table.row(iter::once(way.name.clone()).chain(rates));
    }
    Ok([
        plot::lines(&axes, &lines.collect::<Vec<_>>())?,
        table.markdown(),
    ])
}

/// How long a packet takes there and back.
fn round_trips(group: &Group) -> anyhow::Result<[String; 3]> {
    let axes = Axes {
        title: "round trips that took at most so long",
        x_label: "part of all round trips",
        y_label: "round trip, µs",
        // Each nine takes the same room.
        x_name: |nines| {
            format!(
                "{:.*} %",
                (nines - 2.0).max(0.0) as usize,
                100.0 - 10f64.powf(2.0 - nines)
            )
        },
        y_is_log: true,
    };
    let nines = |percentile: f64| (1.0 - percentile / 100.0).log10().abs();
    let measured = group
        .series
        .iter()
        .filter(|series| series.spread(P50).is_some());
    let lines = measured.map(|series| {
        let curve = series.curve().into_iter();
        let points = curve.filter(|(percentile, _)| *percentile < 100.0);
        line(
            series,
            points
                .map(|(percentile, us)| (nines(percentile), us))
                .collect(),
        )
    });
    Ok([
        format!("### {}", group.title),
        plot::lines(&axes, &lines.collect::<Vec<_>>())?,
        questions::comparison(group, &PING_COLUMNS),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{group, results, series};

    #[test]
    fn the_page_stands_alone_and_the_summary_has_the_same_tables() {
        let ways = || vec![series("rustix block", &[1e6]), series("uring poll", &[2e6])];
        let mut results = results(vec![
            group("tx-64", ways()),
            group("batch-tx-1", ways()),
            group("batch-tx-64", ways()),
        ]);
        results
            .notes
            .push("xdpsock is not <i>installed</i>".to_owned());
        let answers = "# T\n\n## 1. Why?\n\n<!-- table: a -->\n| a | b |\n| --- | ---: |\n| 1 | `2` |\n<!-- end -->\nafter\n";
        let [page, summary] = page_and_summary(&results, answers, &[]).expect("a page");
        for part in [
            "<li>xdpsock is not &lt;i&gt;installed&lt;/i&gt;</li>",
            "Linux 6.18",
            "<h2>1. Why?</h2>",
            "packets/s",
            "<figure><svg",
            "<td style=\"text-align: right\"><code>2</code></td></tr>\n</tbody></table>\n<p>after</p>",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        for fetched in ["src=", "href=", "<script", "@import", "url(", "<!-- "] {
            assert!(!page.contains(fetched), "{fetched} in {page}");
        }
        assert!(!summary.contains("<svg"));
        let row = "| uring poll | 2.00 (2.00 to 2.00) |";
        assert!(summary.contains(row), "{summary}");
    }
}
