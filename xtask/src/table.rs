//! A table that reads well on a terminal and is Markdown as well.

use std::fmt;

/// Rows of cells; the first row is the head. Every row has as many cells as that.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let head = head.iter().map(|&cell| cell.to_owned()).collect();
        Self { rows: vec![head] }
    }

    pub(crate) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
            .max(3)
    }

    fn columns(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }
}

impl fmt::Display for Table {
    /// The first column to the left, all others, which are figures, to the right.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, row) in self.rows.iter().enumerate() {
            for (column, cell) in row.iter().enumerate() {
                let width = self.width(column);
                match column {
                    0 => write!(f, "| {cell:<width$} |")?,
                    _ => write!(f, " {cell:>width$} |")?,
                }
            }
            writeln!(f)?;
            if number == 0 {
                for column in 0..self.columns() {
                    let line = "-".repeat(self.width(column) - 1);
                    match column {
                        0 => write!(f, "| {line}- |")?,
                        _ => write!(f, " {line}: |")?,
                    }
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["job", "n", "µs"]);
        table.push(vec!["fill".to_owned(), "1234".to_owned(), "1.5".to_owned()]);
        table.push(vec!["x".to_owned(), "-1".to_owned(), String::new()]);
        let expected = "\
| job  |    n |  µs |
| ---- | ---: | --: |
| fill | 1234 | 1.5 |
| x    |   -1 |     |
";
        assert_eq!(table.to_string(), expected);
    }
}
