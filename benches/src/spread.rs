//! The median of figures, and their range.

use std::fmt;

/// Median, and the range that eight of ten figures lie in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// As many figures are smaller as are larger.
    pub median: f64,
    /// One figure of ten is smaller.
    pub p10: f64,
    /// One figure of ten is larger.
    pub p90: f64,
}

impl Spread {
    /// The spread of `figures`.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        assert!(!sorted.is_empty(), "no figures");
        sorted.sort_by(f64::total_cmp);
        Self {
            median: quantile(&sorted, 0.5),
            p10: quantile(&sorted, 0.1),
            p90: quantile(&sorted, 0.9),
        }
    }

    /// The spread of the ratios of figures that were measured one right after the other, so that
    /// what slowed one slowed both.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn of_ratios(ours: &[f64], theirs: &[f64]) -> Self {
        Self::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
    }
}

/// The smallest figure of `sorted` that `percent` of the figures do not exceed; NaN if there are
/// none.
#[must_use]
pub fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let place = (percent * sorted.len() as f64 / 100.0).ceil() as usize;
    *sorted.get(place.saturating_sub(1)).unwrap_or(&f64::NAN)
}

/// Interpolated between the two nearest figures.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

impl fmt::Display for Spread {
    /// `1.04 (0.98-1.10)`, with as many decimals as asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(2);
        let Self { median, p10, p90 } = self;
        let text = format!("{median:.decimals$} ({p10:.decimals$}-{p90:.decimals$})");
        match f.width() {
            Some(width) => write!(f, "{text:>width$}"),
            None => f.write_str(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Spread, percentile};

    #[test]
    fn a_percentile_is_a_figure_that_was_measured() {
        let sorted: Vec<_> = (1..=1000).map(f64::from).collect();
        let parts = [0.0, 50.0, 99.0, 99.9, 100.0].map(|percent| percentile(&sorted, percent));
        assert_eq!(parts, [1.0, 500.0, 990.0, 999.0, 1000.0]);
        assert!(percentile(&[], 50.0).is_nan());
    }

    #[test]
    fn the_order_of_figures_does_not_matter() {
        let figures = [5.0, 1.0, 10.0, 3.0, 2.0, 8.0, 4.0, 9.0, 7.0, 6.0, 0.0];
        let spread = Spread::of(figures);
        assert_eq!((spread.p10, spread.median, spread.p90), (1.0, 5.0, 9.0));
        assert_eq!(Spread::of([1.0, 2.0]).median, 1.5);
    }

    #[test]
    fn a_ratio_is_that_of_a_pair() {
        // A machine that gets slower and slower: the ratio of each pair is the same.
        let ratios = Spread::of_ratios(&[2.0, 20.0, 200.0], &[1.0, 10.0, 100.0]);
        assert_eq!((ratios.p10, ratios.median, ratios.p90), (2.0, 2.0, 2.0));
    }

    #[test]
    fn width_and_decimals_are_those_asked_for() {
        let spread = Spread::of([1.0]);
        assert_eq!(format!("{spread:>20.1}"), "       1.0 (1.0-1.0)");
    }
}
