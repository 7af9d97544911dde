//! The results of a run: groups of contestants, each with a figure per round.

use serde::{Deserialize, Serialize};
use xskit_benches::spread::Spread;

use crate::criterion::Estimate;
use crate::figures::{Figures, PPS};
use crate::machine::Machine;
use crate::profile::Profile;
use crate::table::{Table, cell, scaled};

/// A whole run, as it is kept in `results.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    /// Whether it was a quick round, whose figures only show that everything works.
    pub(crate) quick: bool,
    /// How long all measurements took, in seconds.
    pub(crate) seconds: f64,
    pub(crate) groups: Vec<Group>,
    /// Profiles at saturation; none where perf(1) is missing.
    #[serde(default)]
    pub(crate) profiles: Vec<Profile>,
    /// What could not be measured, and why.
    pub(crate) notes: Vec<String>,
    /// Criterion's estimates from this run.
    pub(crate) criterion: Vec<Estimate>,
}

/// Contestants that did the same job in turns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    /// A short name, `tx-64` say.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) series: Vec<Series>,
}

/// One contestant, round by round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) command: String,
    /// One per round; `None` where it failed.
    pub(crate) samples: Vec<Option<Figures>>,
}

/// A column of a table that compares the contestants of a group, with its title.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    /// A figure, times a factor.
    Figure(&'static str, &'static str, f64),
    /// A figure divided by the first contestant's in the same round.
    ToFirst(&'static str, &'static str),
    /// A figure divided by that of the named contestant in the same round.
    To(&'static str, &'static str, &'static str),
}

impl Column {
    fn title(&self) -> &str {
        match self {
            Self::Figure(title, ..) | Self::ToFirst(title, _) | Self::To(title, ..) => title,
        }
    }

    fn cell(&self, group: &Group, series: &Series) -> String {
        let own = &series.name;
        match *self {
            Self::Figure(_, figure, factor) => scaled(series.spread(figure), factor),
            Self::ToFirst(_, figure) => cell(group.ratio(own, &group.series[0].name, figure)),
            // To itself it is 1.
            Self::To(_, _, other) if other == own => String::new(),
            Self::To(_, figure, other) => cell(group.ratio(own, other, figure)),
        }
    }
}

/// The contestants of groups below each other. With two `titles`, the first column is the group's
/// name.
pub(crate) fn comparison(titles: &[&str], groups: &[(&str, &Group)], columns: &[Column]) -> String {
    let all = titles
        .iter()
        .copied()
        .chain(columns.iter().map(Column::title));
    let mut table = Table::new(all);
    for (name, group) in groups {
        let name = (titles.len() > 1).then_some(*name);
        for series in &group.series {
            let names = name.into_iter().chain([series.name.as_str()]);
            let cells = columns.iter().map(|column| column.cell(group, series));
            table.row(names.map(str::to_owned).chain(cells));
        }
    }
    table.markdown()
}

/// Adds a round's figures to a contestant of a group, both of which may be new.
pub(crate) fn add(groups: &mut Vec<Group>, id: &str, name: &str, figures: Figures) {
    let at = groups
        .iter()
        .position(|group| group.id == id)
        .unwrap_or(groups.len());
    if at == groups.len() {
        groups.push(Group::new(id, "", []));
    }
    let series = &mut groups[at].series;
    let at = series
        .iter()
        .position(|series| series.name == name)
        .unwrap_or(series.len());
    if at == series.len() {
        series.push(Series::new(name, ""));
    }
    series[at].samples.push(Some(figures));
}

impl Results {
    pub(crate) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }
}

impl Group {
    pub(crate) fn new(id: &str, title: &str, series: impl Into<Vec<Series>>) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            series: series.into(),
        }
    }

    pub(crate) fn series(&self, name: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.name == name)
    }

    /// The spread of a figure of one contestant divided by that of another in the same round.
    pub(crate) fn ratio(&self, ours: &str, theirs: &str, figure: &str) -> Option<Spread> {
        let (ours, theirs) = (self.series(ours)?, self.series(theirs)?);
        let figure = |sample: &Option<Figures>| sample.as_ref()?.get(figure);
        let pairs = ours.samples.iter().zip(&theirs.samples);
        spread(pairs.filter_map(|(ours, theirs)| {
            let (ours, theirs) = (figure(ours)?, figure(theirs)?);
            (theirs != 0.0).then_some(ours / theirs)
        }))
    }

    /// The contestant with the highest rate, of those whose names begin so.
    pub(crate) fn fastest(&self, beginning: &str) -> Option<&Series> {
        self.best(beginning, |series| Some(series.spread(PPS)?.median))
    }

    /// The contestant with the highest score, of those whose names begin so.
    pub(crate) fn best(
        &self,
        beginning: &str,
        score: impl Fn(&Series) -> Option<f64>,
    ) -> Option<&Series> {
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
    /// One that has done nothing yet.
    pub(crate) fn new(name: &str, command: &str) -> Self {
        Self {
            name: name.to_owned(),
            command: command.to_owned(),
            samples: Vec::new(),
        }
    }

    pub(crate) fn spread(&self, figure: &str) -> Option<Spread> {
        spread(
            self.samples
                .iter()
                .flatten()
                .filter_map(|sample| sample.get(figure)),
        )
    }

    /// The curve through the medians of all rounds' curves.
    pub(crate) fn curve(&self) -> Vec<(f64, f64)> {
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

    /// A contestant with one rate per round; a rate of 0 stands for a round that failed.
    pub(crate) fn series(name: &str, rates: &[f64]) -> Series {
        let sample = |rate: &f64| (*rate > 0.0).then(|| Figures::of([(PPS, *rate)]));
        Series {
            samples: rates.iter().map(sample).collect(),
            ..Series::new(name, &format!("run {name}"))
        }
    }

    pub(crate) fn group(id: &str, series: Vec<Series>) -> Group {
        Group::new(id, id, series)
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
