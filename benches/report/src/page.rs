//! The report: blocks of Markdown, as a page with plots and as a summary without them.

use std::iter;

use pulldown_cmark::{Event, Options, Parser};

use crate::claims::{self, Claim};
use crate::figures::{CALLS, CPU, P50, PPS};
use crate::goals;
use crate::plan::{CONTROL, PLACES, SATURATED};
use crate::plot::{self, Axes};
use crate::questions::{self, PING_COLUMNS, RATE_COLUMNS};
use crate::results::{Group, Results, Series};
use crate::table::{Table, cell, scaled};
use crate::{rival, variant};

const NOT_MEASURED: &str = "Not measured.";

/// The page, which fetches nothing, and the summary. `answers` is the answers file with fresh
/// tables.
pub(crate) fn page_and_summary(
    results: &Results,
    command: &str,
    answers: &str,
    claims: &[Claim],
) -> anyhow::Result<[String; 2]> {
    let blocks = blocks(results, command, answers, claims)?;
    let is_text = |block: &&String| !block.starts_with("<figure>");
    let summary: String = blocks
        .iter()
        .filter(is_text)
        .map(|block| format!("{block}\n\n"))
        .collect();
    Ok([html(&blocks.join("\n\n")), summary])
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
fn blocks(
    results: &Results,
    command: &str,
    answers: &str,
    claims: &[Claim],
) -> anyhow::Result<Vec<String>> {
    let mut page = head(results, command);
    section(&mut page, "Goals", goals::table(results));
    if !results.profiles.is_empty() {
        page.push("What bounds the rates, goals missed included, is under \"Where the time goes\" and in the last question.".to_owned());
    }
    saturation(&mut page, results)?;
    batches(&mut page, results)?;
    round_trips(&mut page, results)?;
    section(
        &mut page,
        "Many sockets on one thread",
        questions::sockets(results),
    );
    page.push(
        "Each socket has its own UMEM. Over rings in memory a packet is sent, received again, and its frame \
         recycled, and the other side moves descriptors only. Over a veth the kernel sends it, and the kicks of all \
         sockets are submitted at once."
            .to_owned(),
    );
    if !results.profiles.is_empty() {
        profiles(&mut page, results);
    }
    if !results.criterion.is_empty() {
        section(
            &mut page,
            "Layer by layer (criterion, short)",
            criterion(results),
        );
    }
    section(&mut page, "Commands", commands(results));
    page.push("# The open questions".to_owned());
    // The answers file has a title, which stands above already.
    let answers = answers.lines().filter(|line| !line.starts_with("# "));
    page.push(answers.collect::<Vec<_>>().join("\n"));
    if !claims.is_empty() {
        let title = "What these paragraphs claim, and what this run measured";
        section(&mut page, title, claims::table(claims, results));
    }
    page.retain(|block| !block.is_empty());
    Ok(page)
}

fn section(page: &mut Vec<String>, title: &str, content: String) {
    page.push(format!("## {title}"));
    page.push(if content.is_empty() {
        NOT_MEASURED.to_owned()
    } else {
        content
    });
}

fn head(results: &Results, command: &str) -> Vec<String> {
    let all = results.groups.iter().flat_map(|group| &group.series);
    let rounds = match all.map(|series| series.samples.len()).max().unwrap_or(0) {
        1 => "One round".to_owned(),
        count => format!("{count} rounds"),
    };
    let notes = results
        .notes
        .iter()
        .map(|note| format!("- {}\n", note.replace('\n', " ")));
    let quick =
        "**A quick round: it shows that everything runs. Its figures are good for nothing else.**";
    vec![
        "# xskit: backends, ways to wait, and rivals, head to head".to_owned(),
        format!(
            "Made by `{command}` in {:.0} s on a {}, over veth in copy mode. {rounds}: contestants of a table do \
             the same job one right after the other, round after round. A figure is the median over rounds and, in \
             brackets, the range in which eight of ten lie; a ratio is the median of the ratios of each round.",
            results.seconds,
            results.machine.sentence(),
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

/// As many packets as go, by everyone.
fn saturation(page: &mut Vec<String>, results: &Results) -> anyhow::Result<()> {
    let lead = format!(
        "`{CONTROL}` is the first way once more: how far its ratio is from 1 is what chance alone makes of a ratio. \
         System calls of rivals are not counted."
    );
    section(page, "As many packets as go", lead);
    for (task, _) in SATURATED {
        for len in [64, 1400] {
            let Some(group) = results.group(&format!("{}-{len}", task.word())) else {
                continue;
            };
            page.push(format!("### {}: {}", task.word(), group.title));
            page.push(questions::comparison(group, &RATE_COLUMNS));
            let bars = |(figure, what)| {
                bars(
                    group,
                    figure,
                    &format!("{} of 64 bytes: {what}", task.word()),
                )
            };
            if len == 64 {
                page.push(bars((CALLS, "system calls per 1,000 packets"))?);
                page.push(bars((CPU, "CPU seconds per million packets"))?);
            }
        }
    }
    Ok(())
}

fn bars(group: &Group, figure: &str, title: &str) -> anyhow::Result<String> {
    let shown = group.series.iter().filter(|series| series.name != CONTROL);
    let bar = |series: &Series| {
        let length = series.spread(figure)?.median;
        Some((series.name.clone(), length, colour(&series.name)))
    };
    plot::bars(title, &shown.filter_map(bar).collect::<Vec<_>>())
}

/// The same in every plot: variants in their order, then rivals or kernel sockets.
fn colour(name: &str) -> usize {
    let of_variant = variant::ALL.iter().position(|variant| variant.name == name);
    let of_rival = rival::ALL.iter().position(|rival| rival.name == name);
    let of_other = of_rival.unwrap_or(usize::from(name.ends_with("busy")));
    of_variant.unwrap_or(variant::ALL.len() + of_other)
}

fn line(series: &Series, points: impl Iterator<Item = (f64, f64)>) -> plot::Series {
    plot::Series {
        name: series.name.clone(),
        points: points.collect(),
        is_dashed: series.name.starts_with("uring"),
        colour: colour(&series.name),
    }
}

/// Throughput by the number of packets per turn.
fn batches(page: &mut Vec<String>, results: &Results) -> anyhow::Result<()> {
    page.push("## Throughput by batch".to_owned());
    for task in ["tx", "fwd"] {
        let prefix = format!("batch-{task}-");
        let of_task = results.groups.iter().filter_map(|group| {
            let batch: u32 = group.id.strip_prefix(&prefix)?.parse().ok()?;
            Some((batch, group))
        });
        let groups: Vec<_> = of_task.collect();
        let ways = groups.first().map_or(&[][..], |(_, group)| &group.series);
        let rate = |group: &Group, way: &Series| group.series(&way.name)?.spread(PPS);
        let place = |batch: u32| f64::from(batch).log2();
        let axes = Axes {
            title: &format!("{task} of 64 bytes: packets/s by packets per turn"),
            x_label: "packets per turn (--batch)",
            y_label: "packets/s",
            x_ticks: groups
                .iter()
                .map(|(batch, _)| (place(*batch), batch.to_string()))
                .collect(),
            y_is_log: false,
        };
        let lines = ways.iter().map(|way| {
            let point =
                |(batch, group): &(u32, &Group)| Some((place(*batch), rate(group, way)?.median));
            line(way, groups.iter().filter_map(point))
        });
        page.push(plot::lines(&axes, &lines.collect::<Vec<_>>())?);
        let titles = groups.iter().map(|(batch, _)| format!("batch {batch}"));
        let mut table = Table::new(iter::once(format!("{task}, million packets/s")).chain(titles));
        for way in ways {
            let rates = groups
                .iter()
                .map(|(_, group)| scaled(rate(group, way), 1e-6));
            table.row(iter::once(way.name.clone()).chain(rates));
        }
        let table = table.markdown();
        page.push(if table.is_empty() {
            NOT_MEASURED.to_owned()
        } else {
            table
        });
    }
    Ok(())
}

/// How long a packet takes there and back.
fn round_trips(page: &mut Vec<String>, results: &Results) -> anyhow::Result<()> {
    page.push("## Round trips".to_owned());
    // Each nine takes the same room.
    let place = |percentile: f64| (1.0 - percentile / 100.0).log10().abs();
    for group in ["ping", "ping-wait"]
        .iter()
        .filter_map(|id| results.group(id))
    {
        page.push(format!("### {}", group.title));
        let axes = Axes {
            title: "round trips that took at most so long",
            x_label: "part of all round trips",
            y_label: "round trip, µs",
            x_ticks: [0.0, 50.0, 90.0, 99.0, 99.9, 99.99]
                .map(|percentile| (place(percentile), format!("{percentile} %")))
                .to_vec(),
            y_is_log: true,
        };
        let measured = group
            .series
            .iter()
            .filter(|series| series.spread(P50).is_some());
        let lines = measured.map(|series| {
            let points = series
                .curve()
                .into_iter()
                .filter(|(percentile, _)| *percentile < 100.0);
            line(
                series,
                points.map(|(percentile, us)| (place(percentile), us)),
            )
        });
        page.push(plot::lines(&axes, &lines.collect::<Vec<_>>())?);
        page.push(questions::comparison(group, &PING_COLUMNS));
    }
    Ok(())
}

/// The functions; the table of whose they are is with the answers.
fn profiles(page: &mut Vec<String>, results: &Results) {
    let lead = "Samples by perf(1), taken once. Whose code they are in, job by job, is the last question below. These \
                are the functions that took most of a core's time with 64 bytes per packet: of the core that sends.";
    section(page, "Where the time goes", lead.to_owned());
    for ((task, what), place) in SATURATED.into_iter().zip([PLACES[0], PLACES[0], PLACES[1]]) {
        let functions = questions::functions(results, &format!("{}-64", task.word()), place);
        if !functions.is_empty() {
            page.push(format!("### {}: packets {what}", task.word()));
            page.push(functions);
        }
    }
}

fn criterion(results: &Results) -> String {
    let mut table = Table::new([
        "benchmark",
        "ns per iteration",
        "95 % interval",
        "ns per element",
    ]);
    for estimate in &results.criterion {
        let (low, high) = estimate.interval_ns;
        let of_element = |count| format!("{:.2}", estimate.median_ns / count);
        table.row([
            estimate.name.clone(),
            format!("{:.1}", estimate.median_ns),
            format!("{low:.1} to {high:.1}"),
            estimate.elements.map_or_else(|| cell(None), of_element),
        ]);
    }
    table.markdown()
}

/// What was run, word for word.
fn commands(results: &Results) -> String {
    let mut table = Table::new(["job", "way", "command"]);
    for (task, _) in SATURATED {
        let group = results.group(&format!("{}-64", task.word()));
        for series in group.map_or(&[][..], |group| &group.series) {
            let command = format!("`{}`", series.command);
            table.row([task.word().to_owned(), series.name.clone(), command]);
        }
    }
    format!(
        "Those of the jobs at saturation, without `--seconds` and the other end's options. The others differ in the \
         options that their titles name.\n\n{}",
        table.markdown()
    )
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
        let made = page_and_summary(&results, "the command", answers, &[]).expect("a page");
        let [page, summary] = made;
        for part in [
            "<code>the command</code>",
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
