//! The claims of the answers file's paragraphs, in a form that a run is checked against.
//!
//! ```text
//! <!-- claim: group | figure | contestant | divided by contestant | < 1.1 -->
//! ```
//!
//! The median is compared. With an empty fourth field the claim is about the figure itself.

use anyhow::{Context, bail};
use xskit_benches::spread::Spread;

use crate::results::Results;
use crate::table::{Table, cell};

const BEGIN: &str = "<!-- claim: ";
const END: &str = " -->";

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claim {
    group: String,
    figure: String,
    of: String,
    to: Option<String>,
    /// Whether the bound is an upper one.
    is_less: bool,
    bound: f64,
}

impl Claim {
    /// `None` where a part of it was not measured.
    pub(crate) fn measured(&self, results: &Results) -> Option<Spread> {
        let group = results.group(&self.group)?;
        match &self.to {
            Some(to) => group.ratio(&self.of, to, &self.figure),
            None => group.series(&self.of)?.spread(&self.figure),
        }
    }

    /// Whether it is true of the run; `None` where it was not measured.
    pub(crate) fn holds(&self, results: &Results) -> Option<bool> {
        let median = self.measured(results)?.median;
        Some(if self.is_less {
            median < self.bound
        } else {
            median > self.bound
        })
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let fields: Vec<_> = text.split('|').map(str::trim).collect();
        let [group, figure, of, to, bound] = fields.as_slice() else {
            bail!(
                "a claim has five fields, and this has {}: {text}",
                fields.len()
            );
        };
        let (sign, number) = bound
            .split_once(' ')
            .with_context(|| format!("no bound in {text}"))?;
        let is_less = match sign {
            "<" => true,
            ">" => false,
            _ => bail!("a bound is `< N` or `> N`: {text}"),
        };
        Ok(Self {
            group: (*group).to_owned(),
            figure: (*figure).to_owned(),
            of: (*of).to_owned(),
            to: (!to.is_empty()).then(|| (*to).to_owned()),
            is_less,
            bound: number
                .parse()
                .with_context(|| format!("no number in {text}"))?,
        })
    }

    fn words(&self) -> String {
        let to = self
            .to
            .as_ref()
            .map_or_else(String::new, |to| format!(" to {to}"));
        format!("`{}`: {} of {}{to}", self.group, self.figure, self.of)
    }
}

/// All claims of the answers file, in order.
///
/// # Errors
/// Names the claim that can't be read.
pub(crate) fn claims(answers: &str) -> anyhow::Result<Vec<Claim>> {
    let lines = answers
        .lines()
        .filter_map(|line| line.strip_prefix(BEGIN)?.strip_suffix(END));
    lines.map(Claim::parse).collect()
}

/// Each claim beside its measured value, as Markdown.
pub(crate) fn table(claims: &[Claim], results: &Results) -> String {
    let mut table = Table::new(["claim", "claimed", "measured", "holds"]);
    for claim in claims {
        let sign = if claim.is_less { "under" } else { "over" };
        let holds = match claim.holds(results) {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "not measured",
        };
        table.row([
            claim.words(),
            format!("{sign} {}", claim.bound),
            cell(claim.measured(results)),
            holds.to_owned(),
        ]);
    }
    table.markdown()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{group, results, series};

    fn one(text: &str) -> anyhow::Result<Claim> {
        Ok(claims(&format!("Text.\n<!-- claim: {text} -->\n"))?.remove(0))
    }

    #[test]
    fn a_claim_is_held_against_the_median_and_what_is_none_is_refused_by_name() {
        let ways = vec![series("a", &[1.0, 3.0]), series("b, c", &[2.0, 2.0])];
        let results = results(vec![group("tx-64", ways)]);
        for (text, expected) in [
            ("tx-64 | pps | a | b, c | < 1.1", Some(true)),
            ("tx-64 | pps | a | b, c | > 1.0", Some(false)),
            ("tx-64 | pps | b, c | | > 1.9", Some(true)),
            ("tx-64 | pps | nobody | a | > 1", None),
            ("rx-64 | pps | a | b, c | > 1", None),
        ] {
            assert_eq!(
                one(text).expect("a claim").holds(&results),
                expected,
                "{text}"
            );
        }
        let made = table(
            &[one("tx-64 | pps | a | b, c | > 1.0").expect("a claim")],
            &results,
        );
        let row = "| `tx-64`: pps of a to b, c | over 1 | 1.00 (0.60 to 1.40) | **no** |";
        assert!(made.contains(row), "{made}");
        for (text, word) in [
            ("a | b | c", "five fields"),
            ("a|b|c|d|= 1", "`< N`"),
            ("a|b|c|d|< x", "no number"),
        ] {
            let refused = one(text).expect_err("refused").to_string();
            assert!(refused.contains(word), "{refused}");
        }
    }

    #[test]
    fn the_answers_files_claims_are_of_jobs_and_contestants_that_there_are() {
        use crate::job::Contestant;
        use crate::plan::{Extent, PLACES, jobs, on_core, profiled};
        use crate::sockets;
        use std::collections::BTreeSet;
        let extent = Extent { quick: false };
        let mut jobs = jobs(extent, &crate::job::VARIANTS, &crate::rival::ALL);
        jobs.extend(profiled(extent, &jobs));
        let mut there = BTreeSet::new();
        for job in jobs {
            for Contestant { name, .. } in &job.contestants {
                there.insert((job.id.clone(), name.clone()));
                there.extend(PLACES.map(|place| (job.id.clone(), on_core(name, place))));
            }
        }
        for id in sockets::JOBS {
            there.extend(sockets::COUNTS.map(|count| (id.to_owned(), count.to_string())));
        }
        for claim in claims(include_str!("../../ANSWERS.md")).expect("claims") {
            for name in [Some(&claim.of), claim.to.as_ref()].into_iter().flatten() {
                let is_there = there.contains(&(claim.group.clone(), name.clone()));
                assert!(is_there, "no {name} in {claim:?}");
            }
        }
    }
}
