//! The report: one text, with plots as a page and without them as a summary.

use std::fmt::Write;

use crate::claims::{self, Claim};
use crate::figures::{CALLS, CPU, P50, PPS};
use crate::goals;
use crate::markdown;
use crate::plan::{CONTROL, PLACES, SATURATED};
use crate::plot::{Bar, BarPlot, Line, LinePlot, Tick};
use crate::questions::{self, PING_COLUMNS, RATE_COLUMNS};
use crate::results::{Group, Results, Series};
use crate::table::{Table, cell};
use crate::{rival, variant};

/// What turns a page of text into one that is read with pleasure; nothing is fetched.
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;\
color:#222;background:#fff}h1,h2,h3{line-height:1.2}h2{margin-top:2.5rem;border-bottom:1px solid #ddd}\
table{border-collapse:collapse;margin:1rem 0;font-size:14px}th,td{padding:.25rem .7rem;border:1px solid #ddd;\
text-align:right}th:first-child,td:first-child{text-align:left}th{background:#f4f4f4}figure{margin:1rem 0}\
td:not(:has(code)){white-space:nowrap}\
svg{max-width:100%;height:auto}code{background:#f4f4f4;padding:0 .2em;font-size:90%;overflow-wrap:anywhere}";

/// The page, complete in itself. `answers` is the answers file with fresh tables.
#[must_use]
pub fn html(results: &Results, command: &str, answers: &str, claims: &[Claim]) -> String {
    let body = markdown::html(&text(results, command, (answers, claims), true));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>xskit: the head-to-head</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// The same without plots, as Markdown.
#[must_use]
pub fn summary(results: &Results, command: &str, answers: &str, claims: &[Claim]) -> String {
    text(results, command, (answers, claims), false)
}

fn text(
    results: &Results,
    command: &str,
    (answers, claims): (&str, &[Claim]),
    with_plots: bool,
) -> String {
    let mut page = Page {
        text: String::new(),
        with_plots,
    };
    head(&mut page, results, command);
    page.section("Goals", &goals::table(results));
    if !results.profiles.is_empty() {
        page.paragraph(
            "What bounds the rates, goals missed included, is under \"Where the time goes\" and in the last question.",
        );
    }
    saturation(&mut page, results);
    batches(&mut page, results);
    round_trips(&mut page, results);
    page.section("Many sockets on one thread", &questions::sockets(results));
    page.paragraph(
        "Each socket has a UMEM of its own. Over rings in memory a packet is sent, received again, and its frame \
         recycled, and the other side moves descriptors only; over a veth it is sent by the kernel, and the kicks of all sockets \
         are submitted at once.",
    );
    profiles(&mut page, results);
    criterion(&mut page, results);
    commands(&mut page, results);
    page.text.push_str("\n# The open questions\n\n");
    page.text.push_str(&without_title(answers));
    if !claims.is_empty() {
        page.paragraph("## What these paragraphs claim, and what this run measured");
        page.paragraph(&claims::table(claims, results));
    }
    page.text
}

/// What is written so far.
struct Page {
    text: String,
    with_plots: bool,
}

impl Page {
    fn paragraph(&mut self, text: &str) {
        // Writing to a string can't fail.
        let _ = write!(self.text, "{text}\n\n");
    }

    fn section(&mut self, title: &str, table: &str) {
        self.paragraph(&format!("## {title}"));
        self.paragraph(if table.is_empty() {
            "Not measured."
        } else {
            table
        });
    }

    fn plot(&mut self, svg: &str) {
        if self.with_plots && !svg.is_empty() {
            self.paragraph(svg.trim_end());
        }
    }
}

fn head(page: &mut Page, results: &Results, command: &str) {
    page.paragraph("# xskit: backends, ways to wait, and rivals, head to head");
    let rounds = results
        .groups
        .iter()
        .flat_map(|group| &group.series)
        .map(|series| series.samples.len());
    page.paragraph(&format!(
        "Made by `{command}` in {:.0} s on a {}, over veth in copy mode. {}: contestants of a table do the \
         same job one right after the other, round after round. A figure is the median over rounds and, in brackets, \
         the range in which eight of ten lie; a ratio is the median of the ratios of each round.",
        results.seconds,
        results.machine.sentence(),
        match rounds.max().unwrap_or(0) {
            1 => "One round".to_owned(),
            count => format!("{count} rounds"),
        },
    ));
    page.paragraph(
        "The sending end has one core, the receiving end another; a variant with SQPOLL may use both, since its \
         kernel thread wants one: in round trips, with it at both ends, twice as many threads are busy as there are \
         cores. Processor time is that of the process, the kernel's work on its behalf and its \
         kernel threads included. Over a veth most of that work is the sender's: the kernel runs the receiving side \
         where the packet was sent.",
    );
    if results.quick {
        page.paragraph("**A quick round: it shows that everything runs. Its figures are good for nothing else.**");
    }
    if !results.notes.is_empty() {
        let notes: Vec<_> = results
            .notes
            .iter()
            .map(|note| format!("- {}", note.replace('\n', " ")))
            .collect();
        page.paragraph(&notes.join("\n"));
    }
}

/// As many packets as go, by everyone.
fn saturation(page: &mut Page, results: &Results) {
    page.paragraph("## As many packets as go");
    page.paragraph(&format!(
        "`{CONTROL}` is the first way once more: how far its ratio is from 1 is what chance alone makes of a ratio. \
         System calls of rivals are not counted.",
    ));
    for (task, _) in SATURATED {
        for len in [64, 1400] {
            let Some(group) = results.group(&format!("{}-{len}", task.word())) else {
                continue;
            };
            page.paragraph(&format!("### {}: {}", task.word(), group.title));
            page.paragraph(&questions::comparison(group, &RATE_COLUMNS));
            if len == 64 {
                for (figure, what) in [
                    (CALLS, "system calls per 1,000 packets"),
                    (CPU, "CPU seconds per million packets"),
                ] {
                    page.plot(&bars(
                        group,
                        figure,
                        &format!("{} of 64 bytes: {what}", task.word()),
                    ));
                }
            }
        }
    }
}

fn bars(group: &Group, figure: &str, title: &str) -> String {
    let shown = group.series.iter().filter(|series| series.name != CONTROL);
    let bar = |series: &Series| {
        Some(Bar {
            name: series.name.clone(),
            length: series.spread(figure)?.median,
            colour: colour(&series.name),
        })
    };
    BarPlot {
        title: title.to_owned(),
        bars: shown.filter_map(bar).collect(),
    }
    .svg()
}

/// The same in every plot: by the order of variants and, behind them, of rivals or of kernel sockets.
fn colour(name: &str) -> usize {
    let of_variant = variant::ALL.iter().position(|variant| variant.name == name);
    let of_rival = rival::ALL.iter().position(|rival| rival.name == name);
    let of_other = of_rival.unwrap_or(usize::from(name.ends_with("busy")));
    of_variant.unwrap_or(variant::ALL.len() + of_other)
}

/// Throughput by the number of packets a turn.
fn batches(page: &mut Page, results: &Results) {
    page.paragraph("## Throughput by batch");
    for task in ["tx", "fwd"] {
        let prefix = format!("batch-{task}-");
        let of_task = results.groups.iter().filter_map(|group| {
            let batch: u32 = group.id.strip_prefix(&prefix)?.parse().ok()?;
            Some((batch, group))
        });
        let groups: Vec<_> = of_task.collect();
        page.plot(&batch_plot(task, &groups));
        page.paragraph(&batch_table(task, &groups));
    }
}

fn batch_plot(task: &str, groups: &[(u32, &Group)]) -> String {
    let place = |batch: u32| f64::from(batch).log2();
    let line = |series: &Series| Line {
        name: series.name.clone(),
        points: groups
            .iter()
            .filter_map(|(batch, group)| {
                Some((
                    place(*batch),
                    group.series(&series.name)?.spread(PPS)?.median,
                ))
            })
            .collect(),
        is_dashed: series.name.starts_with("uring"),
        colour: colour(&series.name),
    };
    let ticks = groups.iter().map(|(batch, _)| Tick {
        at: place(*batch),
        label: batch.to_string(),
    });
    let first = groups.first().map_or(&[][..], |(_, group)| &group.series);
    LinePlot {
        title: format!("{task} of 64 bytes: packets a second by packets a turn"),
        x_label: "packets a turn (--batch)".to_owned(),
        y_label: "packets/s".to_owned(),
        x_ticks: ticks.collect(),
        y_is_log: false,
        lines: first.iter().map(line).collect(),
    }
    .svg()
}

fn batch_table(task: &str, groups: &[(u32, &Group)]) -> String {
    let mut titles = vec![format!("{task}, million packets/s")];
    titles.extend(groups.iter().map(|(batch, _)| format!("batch {batch}")));
    let titles: Vec<_> = titles.iter().map(String::as_str).collect();
    let mut table = Table::new(&titles);
    for series in groups.first().map_or(&[][..], |(_, group)| &group.series) {
        let rates = groups.iter().map(|(_, group)| {
            let spread = group
                .series(&series.name)
                .and_then(|series| series.spread(PPS));
            crate::table::scaled(spread, 1e-6)
        });
        table.row([series.name.clone()].into_iter().chain(rates));
    }
    if table.is_empty() {
        "Not measured.".to_owned()
    } else {
        table.markdown()
    }
}

/// How long a packet takes there and back.
fn round_trips(page: &mut Page, results: &Results) {
    page.paragraph("## Round trips");
    for id in ["ping", "ping-wait"] {
        let Some(group) = results.group(id) else {
            continue;
        };
        page.paragraph(&format!("### {}", group.title));
        page.plot(&latency_plot(group));
        page.paragraph(&questions::comparison(group, &PING_COLUMNS));
    }
}

fn latency_plot(group: &Group) -> String {
    // Each nine takes the same room.
    let place = |percentile: f64| -(1.0 - percentile / 100.0).log10();
    let line = |series: &Series| Line {
        name: series.name.clone(),
        points: series
            .curve()
            .into_iter()
            .filter(|(percentile, _)| *percentile < 100.0)
            .map(|(percentile, us)| (place(percentile), us))
            .collect(),
        is_dashed: series.name.starts_with("uring"),
        colour: colour(&series.name),
    };
    let ticks = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99].map(|percentile| Tick {
        at: place(percentile).abs(),
        label: format!("{percentile} %"),
    });
    let measured = group
        .series
        .iter()
        .filter(|series| series.spread(P50).is_some());
    LinePlot {
        title: "round trips that took at most so long".to_owned(),
        x_label: "part of all round trips".to_owned(),
        y_label: "round trip, µs".to_owned(),
        x_ticks: ticks.to_vec(),
        y_is_log: true,
        lines: measured.map(line).collect(),
    }
    .svg()
}

/// The functions; the table of whose they are stands with the answers.
fn profiles(page: &mut Page, results: &Results) {
    if results.profiles.is_empty() {
        return;
    }
    page.paragraph("## Where the time goes");
    page.paragraph(
        "Samples by perf(1), taken once. Whose code they are in, job by job, is the last question below. Here are the \
         functions that took most of a core's time with 64 bytes a packet: of the core that sends.",
    );
    for ((task, what), place) in SATURATED.into_iter().zip([PLACES[0], PLACES[0], PLACES[1]]) {
        let functions = questions::functions(results, &format!("{}-64", task.word()), place);
        if !functions.is_empty() {
            page.paragraph(&format!("### {}: packets {what}", task.word()));
            page.paragraph(&functions);
        }
    }
}

fn criterion(page: &mut Page, results: &Results) {
    if results.criterion.is_empty() {
        return;
    }
    let mut table = Table::new(&[
        "benchmark",
        "ns an iteration",
        "95 % interval",
        "ns an element",
    ]);
    for estimate in &results.criterion {
        let (low, high) = estimate.interval_ns;
        table.row([
            estimate.name.clone(),
            format!("{:.1}", estimate.median_ns),
            format!("{low:.1} to {high:.1}"),
            estimate.elements.map_or_else(
                || cell(None),
                |count| format!("{:.2}", estimate.median_ns / count),
            ),
        ]);
    }
    page.section("Layer by layer (criterion, short)", &table.markdown());
}

/// What was run, word for word; `--seconds` and the other end's options come on top.
fn commands(page: &mut Page, results: &Results) {
    page.paragraph("## Commands");
    page.paragraph(
        "Those of the jobs at saturation; the others differ in the options that their titles name.",
    );
    let mut table = Table::new(&["job", "way", "command"]);
    for (task, _) in SATURATED {
        let group = results.group(&format!("{}-64", task.word()));
        for series in group.map_or(&[][..], |group| &group.series) {
            table.row([
                task.word().to_owned(),
                series.name.clone(),
                format!("`{}`", series.command),
            ]);
        }
    }
    page.paragraph(&table.markdown());
}

/// The answers file has a title of its own, which the page's section has already.
fn without_title(answers: &str) -> String {
    let lines = answers.lines().filter(|line| !line.starts_with("# "));
    lines.fold(String::new(), |text, line| text + line + "\n")
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
        results.notes.push("xdpsock is not installed".to_owned());
        let (page, summary) = (
            html(&results, "the command", "# T\n\n## 1. Why?\n", &[]),
            summary(&results, "the command", "", &[]),
        );
        for part in [
            "the command",
            "xdpsock is not installed",
            "Linux 6.18",
            "<h2>1. Why?</h2>",
            "packets/s",
            "<svg",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        for fetched in ["src=", "href=", "<script", "@import", "url("] {
            assert!(!page.contains(fetched), "{fetched} in {page}");
        }
        assert!(!summary.contains("<svg"));
        assert!(
            summary.contains("| uring poll | 2.00 (2.00 to 2.00) |"),
            "{summary}"
        );
    }
}
