//! The results of a run: groups of contestants, each with a figure per round.

use serde::{Deserialize, Serialize};
use xskit_benches::spread::Spread;

use crate::figures::Figures;
use crate::machine::Machine;
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
    /// What could not be measured, and why.
    pub(crate) notes: Vec<String>,
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
    /// One per round; `None` where it failed.
    pub(crate) samples: Vec<Option<Figures>>,
}

/// A column of a table that compares the contestants of a group, with its title.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    /// A figure, times a factor.
    Figure(&'static str, &'static str, f64),
    /// The median of a figure, as a percentage.
    Share(&'static str, &'static str),
    /// A figure divided by the first contestant's in the same round.
    ToFirst(&'static str, &'static str),
    /// A figure divided by that of the named contestant in the same round.
    To(&'static str, &'static str, &'static str),
}

impl Column {
    const fn title(&self) -> &'static str {
        match self {
            Self::Figure(title, ..)
            | Self::Share(title, _)
            | Self::ToFirst(title, _)
            | Self::To(title, ..) => title,
        }
    }

    fn cell(&self, group: &Group, series: &Series) -> String {
        let own = &series.name;
        match *self {
            Self::Figure(_, figure, factor) => scaled(series.spread(figure), factor),
            Self::Share(_, figure) => match series.spread(figure) {
                Some(spread) => format!("{:.1} %", spread.median * 100.0),
                None => cell(None),
            },
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
    let all: Vec<_> = columns.iter().map(Column::title).collect();
    let mut table = Table::new(titles.iter().chain(&all).copied());
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
pub(crate) fn add(groups: &mut Vec<Group>, id: &str, name: &str, figures: Option<Figures>) {
    let at = groups.iter().position(|group| group.id == id);
    let at = at.unwrap_or_else(|| {
        groups.push(Group::new(id, ""));
        groups.len() - 1
    });
    let all = &mut groups[at].series;
    let at = all.iter().position(|series| series.name == name);
    let at = at.unwrap_or_else(|| {
        all.push(Series::new(name));
        all.len() - 1
    });
    all[at].samples.push(figures);
}

impl Results {
    /// One of this machine.
    pub(crate) fn new(groups: Vec<Group>) -> Self {
        Self {
            machine: Machine::this(),
            quick: false,
            seconds: 0.0,
            groups,
            notes: Vec::new(),
        }
    }

    pub(crate) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    pub(crate) fn rounds(&self) -> usize {
        let all = self.groups.iter().flat_map(|group| &group.series);
        all.map(|series| series.samples.len()).max().unwrap_or(0)
    }

    /// The machine, `place`, and the number of rounds; empty if nothing was measured.
    pub(crate) fn description(&self, place: &str) -> String {
        match self.rounds() {
            0 => String::new(),
            rounds => format!("The tables are of a {}{place}{rounds}.\n", self.machine),
        }
    }
}

impl Group {
    pub(crate) fn new(id: &str, title: &str) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            series: Vec::new(),
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

    /// The contestant with the highest score, of those whose names begin so.
    pub(crate) fn best(
        &self,
        beginning: &str,
        score: impl Fn(&Series) -> Option<f64>,
    ) -> Option<&Series> {
        let all = self
            .series
            .iter()
            .filter(|it| it.name.starts_with(beginning));
        let scored = all.filter_map(|series| Some((score(series)?, series)));
        let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
        best.map(|(_, series)| series)
    }
}

impl Series {
    /// One that has done nothing yet.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            samples: Vec::new(),
        }
    }

    pub(crate) fn spread(&self, figure: &str) -> Option<Spread> {
        let samples = self.samples.iter().flatten();
        spread(samples.filter_map(|sample| sample.get(figure)))
    }

    /// The curve through the medians of all rounds' curves.
    pub(crate) fn curve(&self) -> Vec<(f64, f64)> {
        let samples = self.samples.iter().flatten();
        let curves: Vec<_> = samples.map(|sample| &sample.curve).collect();
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
    use crate::figures::PPS;

    /// A contestant with one rate per round; a rate of 0 stands for a round that failed.
    pub(crate) fn series(name: &str, rates: &[f64]) -> Series {
        let sample = |rate: &f64| (*rate > 0.0).then(|| Figures::of([(PPS, *rate)]));
        Series {
            name: name.to_owned(),
            samples: rates.iter().map(sample).collect(),
        }
    }

    pub(crate) fn group(id: &str, series: Vec<Series>) -> Group {
        Group {
            series,
            ..Group::new(id, id)
        }
    }

    pub(crate) fn results(groups: Vec<Group>) -> Results {
        Results {
            machine: Machine {
                processor: "P".to_owned(),
                cores: 2,
                kernel: "6.18".to_owned(),
                memory_bytes: (4 << 30) - 5,
                is_virtual: true,
            },
            ..Results::new(groups)
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
        let text = "The tables are of a virtual machine with 2 cores (P), 4 GiB of memory, Linux 6.18; 4.\n";
        assert_eq!(results(vec![group]).description("; "), text);
    }

    #[test]
    fn a_curve_goes_through_medians() {
        let mut one = series("one", &[1.0, 1.0, 1.0]);
        for (sample, end) in one.samples.iter_mut().flatten().zip([3.0, 9.0, 5.0]) {
            sample.curve = vec![(50.0, 2.0), (99.0, end)];
        }
        assert_eq!(one.curve(), [(50.0, 2.0), (99.0, 5.0)]);
        assert_eq!(series("none", &[0.0]).curve(), []);
    }
}
