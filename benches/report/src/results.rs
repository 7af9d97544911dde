//! Everything that a run measured: groups of contestants, each with a figure a round.

use serde::{Deserialize, Serialize};
use xskit_rivals::spread::Spread;

use crate::criterion::Estimate;
use crate::figures::{Figures, PPS};
use crate::machine::Machine;
use crate::profile::Profile;

/// A whole run, as it is kept in `results.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    /// Where it was.
    pub machine: Machine,
    /// Whether it was a quick round, whose figures are good for nothing but a look.
    pub quick: bool,
    /// How long all measurements took, in seconds.
    pub seconds: f64,
    /// What was measured.
    pub groups: Vec<Group>,
    /// What the processors did at saturation; none where perf(1) is missing.
    #[serde(default)]
    pub profiles: Vec<Profile>,
    /// What could not be, and why.
    pub notes: Vec<String>,
    /// Criterion's estimates, where they are of this run.
    pub criterion: Vec<Estimate>,
}

/// Contestants that did the same job in turns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// A short name, `tx-64` say.
    pub id: String,
    /// What the job was.
    pub title: String,
    /// Those who did it.
    pub series: Vec<Series>,
}

/// One contestant, round by round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// The command that was run.
    pub command: String,
    /// What came of each round; nothing where it failed.
    pub samples: Vec<Option<Figures>>,
}

impl Results {
    /// A group by its id.
    #[must_use]
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }
}

impl Group {
    /// A contestant by its name.
    #[must_use]
    pub fn series(&self, name: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.name == name)
    }

    /// The spread of a figure of one contestant divided by that of another in the same round.
    #[must_use]
    pub fn ratio(&self, ours: &str, theirs: &str, figure: &str) -> Option<Spread> {
        let (ours, theirs) = (self.series(ours)?, self.series(theirs)?);
        let figure = |sample: &Option<Figures>| sample.as_ref()?.get(figure);
        let pairs = ours.samples.iter().zip(&theirs.samples);
        spread(pairs.filter_map(|(ours, theirs)| {
            let (ours, theirs) = (figure(ours)?, figure(theirs)?);
            (theirs != 0.0).then_some(ours / theirs)
        }))
    }

    /// Of the contestants whose name begins so, the one that passes most packets.
    #[must_use]
    pub fn fastest(&self, beginning: &str) -> Option<&Series> {
        self.best(beginning, |series| Some(series.spread(PPS)?.median))
    }

    /// Of the contestants whose name begins so, the one with the highest score.
    pub fn best(&self, beginning: &str, score: impl Fn(&Series) -> Option<f64>) -> Option<&Series> {
        let named = self
            .series
            .iter()
            .filter(|series| series.name.starts_with(beginning));
        let scored = named.filter_map(|series| Some((score(series)?, series)));
        scored
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, series)| series)
    }
}

impl Series {
    /// The spread of a figure over all rounds.
    #[must_use]
    pub fn spread(&self, figure: &str) -> Option<Spread> {
        spread(
            self.samples
                .iter()
                .flatten()
                .filter_map(|sample| sample.get(figure)),
        )
    }

    /// The curve through the medians of all rounds' curves.
    #[must_use]
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let curves: Vec<_> = self
            .samples
            .iter()
            .flatten()
            .map(|sample| &sample.curve)
            .collect();
        let points = curves.iter().map(|curve| curve.len()).min().unwrap_or(0);
        let point = |at: usize| {
            let times = curves.iter().map(|curve| curve[at].1);
            Some((curves.first()?[at].0, spread(times)?.median))
        };
        (0..points).filter_map(point).collect()
    }
}

fn spread(figures: impl Iterator<Item = f64>) -> Option<Spread> {
    let mut figures = figures.peekable();
    figures.peek()?;
    Some(Spread::of(figures))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A contestant with a rate a round; a rate of 0 stands for a round that failed.
    pub(crate) fn series(name: &str, rates: &[f64]) -> Series {
        let sample = |rate: &f64| (*rate > 0.0).then(|| Figures::of([(PPS, *rate)]));
        Series {
            name: name.to_owned(),
            command: format!("run {name}"),
            samples: rates.iter().map(sample).collect(),
        }
    }

    pub(crate) fn group(id: &str, series: Vec<Series>) -> Group {
        Group {
            id: id.to_owned(),
            title: id.to_owned(),
            series,
        }
    }

    /// A run with these groups.
    pub(crate) fn results(groups: Vec<Group>) -> Results {
        Results {
            machine: Machine {
                processor: "P".to_owned(),
                cores: 2,
                kernel: "6.18".to_owned(),
                memory_bytes: 4 << 30,
                is_virtual: true,
            },
            quick: false,
            seconds: 1.0,
            groups,
            profiles: Vec::new(),
            notes: Vec::new(),
            criterion: Vec::new(),
        }
    }

    #[test]
    fn ratios_are_of_the_same_round_and_rounds_that_failed_are_left_out() {
        let ours = series("ours", &[20.0, 0.0, 600.0, 50.0]);
        let theirs = series("theirs", &[10.0, 7.0, 200.0, 0.0]);
        let group = group("tx", vec![ours, theirs]);
        let ratio = group.ratio("ours", "theirs", PPS).expect("two pairs");
        assert_eq!(ratio.median, 2.5);
        assert_eq!(group.ratio("ours", "nobody", PPS), None);
        assert_eq!(group.ratio("ours", "theirs", "no such figure"), None);
    }

    #[test]
    fn the_best_is_that_of_the_highest_median() {
        let high_once = series("a one", &[1.0, 1.0, 90.0]);
        let steady = series("a two", &[2.0, 2.0, 2.0]);
        let other = series("b", &[5.0, 5.0, 5.0]);
        let group = group("tx", vec![high_once, steady, other]);
        assert_eq!(
            group.fastest("a").map(|series| series.name.as_str()),
            Some("a two")
        );
        assert_eq!(
            group.fastest("").map(|series| series.name.as_str()),
            Some("b")
        );
        assert!(group.fastest("c").is_none());
    }

    #[test]
    fn a_curve_goes_through_medians() {
        let mut one = series("one", &[1.0, 1.0, 1.0]);
        let ends = [3.0, 9.0, 5.0];
        for (sample, end) in one.samples.iter_mut().flatten().zip(ends) {
            sample.curve = vec![(50.0, 2.0), (99.0, end)];
        }
        assert_eq!(one.curve(), [(50.0, 2.0), (99.0, 5.0)]);
        assert_eq!(series("none", &[0.0]).curve(), []);
    }
}
