//! Tables, as Markdown.

use xskit_benches::spread::Spread;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// One with these titles, and no row.
    pub(crate) fn new(titles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            titles: titles.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Cells that are missing at its end are empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        let mut cells: Vec<_> = cells.into_iter().map(Into::into).collect();
        cells.resize(self.titles.len(), String::new());
        self.rows.push(cells);
    }

    /// The first column to the left, the others to the right; nothing if there is no row.
    pub(crate) fn markdown(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let line = |cells: &Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rules = vec!["---:"; self.titles.len() - 1].join(" | ");
        let rows = self.rows.iter().map(line).collect::<String>();
        format!("{}| --- | {rules} |\n{rows}", line(&self.titles))
    }
}

/// A median and the range in which eight of ten lie, in about three digits; a dash for `None`.
pub(crate) fn cell(spread: Option<Spread>) -> String {
    let Some(Spread { median, p10, p90 }) = spread else {
        return "–".to_owned();
    };
    format!("{} ({} to {})", short(median), short(p10), short(p90))
}

/// The same in another unit: the figures times `factor`.
pub(crate) fn scaled(spread: Option<Spread>, factor: f64) -> String {
    cell(spread.map(|Spread { median, p10, p90 }| Spread {
        median: median * factor,
        p10: p10 * factor,
        p90: p90 * factor,
    }))
}

/// About three digits of a figure.
pub(crate) fn short(figure: f64) -> String {
    let decimals = match figure.abs() {
        0.0 => 0,
        size if size < 0.1 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    format!("{figure:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        for (median, p10, p90, expected) in [
            (1.234, 1.0, 1.5, "1.23 (1.00 to 1.50)"),
            (0.0123, 0.01, 0.02, "0.012 (0.010 to 0.020)"),
            (0.5, 0.05, 150.0, "0.50 (0.050 to 150)"),
            (45.67, 45.0, 46.0, "45.7 (45.0 to 46.0)"),
            (0.0, 0.0, 0.0, "0 (0 to 0)"),
        ] {
            let spread = Spread { median, p10, p90 };
            assert_eq!(cell(Some(spread)), expected);
            let thousandfold = [median, p10, p90].map(|it| it * 1e3);
            let [median, p10, p90] = thousandfold;
            assert_eq!(scaled(Some(Spread { median, p10, p90 }), 1e-3), expected);
        }
        assert_eq!(cell(None), "–");
    }
}
