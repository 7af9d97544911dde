//! Tables, as Markdown.

use std::fmt::Write;

use xskit_rivals::spread::Spread;

/// Rows of cells under a row of titles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// One with these titles, and no row.
    #[must_use]
    pub fn new(titles: &[&str]) -> Self {
        Self {
            titles: titles.iter().map(ToString::to_string).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Cells that are missing at its end are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<_> = cells.into_iter().collect();
        cells.resize(self.titles.len(), String::new());
        self.rows.push(cells);
    }

    /// Whether it has no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As Markdown, and nothing at all if it has no row.
    #[must_use]
    pub fn markdown_of_any(&self) -> String {
        if self.is_empty() {
            String::new()
        } else {
            self.markdown()
        }
    }

    /// As Markdown: the first column to the left, the others to the right.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        line(&mut text, &self.titles);
        let rules =
            (0..self.titles.len()).map(|at| if at == 0 { "---" } else { "---:" }.to_owned());
        line(&mut text, &rules.collect::<Vec<_>>());
        self.rows.iter().for_each(|row| line(&mut text, row));
        text
    }
}

fn line(text: &mut String, cells: &[String]) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

/// A median and the range in which eight of ten lie, in three digits or so; a dash where there is none.
#[must_use]
pub fn cell(spread: Option<Spread>) -> String {
    let Some(Spread { median, p10, p90 }) = spread else {
        return "–".to_owned();
    };
    let [median, p10, p90] = [median, p10, p90].map(short);
    format!("{median} ({p10} to {p90})")
}

/// The same of a figure in another unit: `factor` of them make one.
#[must_use]
pub fn scaled(spread: Option<Spread>, factor: f64) -> String {
    cell(spread.map(|Spread { median, p10, p90 }| Spread {
        median: median * factor,
        p10: p10 * factor,
        p90: p90 * factor,
    }))
}

/// About three digits of a figure.
#[must_use]
pub fn short(figure: f64) -> String {
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
    fn a_table_is_markdown() {
        let mut table = Table::new(&["who", "rate"]);
        assert!(table.is_empty());
        table.row(["one".to_owned(), "1".to_owned()]);
        table.row(["two".to_owned()]);
        assert_eq!(
            table.markdown(),
            "| who | rate |\n| --- | ---: |\n| one | 1 |\n| two |  |\n"
        );
    }

    #[test]
    fn figures_have_three_digits() {
        let spread = |median, p10, p90| Some(Spread { median, p10, p90 });
        assert_eq!(cell(spread(1.234, 1.0, 1.5)), "1.23 (1.00 to 1.50)");
        assert_eq!(cell(spread(0.0123, 0.01, 0.02)), "0.012 (0.010 to 0.020)");
        assert_eq!(cell(spread(0.5, 0.05, 150.0)), "0.50 (0.050 to 150)");
        assert_eq!(cell(spread(45.67, 45.0, 46.0)), "45.7 (45.0 to 46.0)");
        assert_eq!(cell(spread(0.0, 0.0, 0.0)), "0 (0 to 0)");
        assert_eq!(
            scaled(spread(1_234_000.0, 1e6, 2e6), 1e-6),
            "1.23 (1.00 to 2.00)"
        );
        assert_eq!(cell(None), "–");
    }
}
