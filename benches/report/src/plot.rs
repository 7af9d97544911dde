//! Plots as SVG, which stand in the page itself and need nothing else.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
/// Room left of the axes, above, right (for the legend), and below.
const MARGINS: [f64; 4] = [70.0, 40.0, 190.0, 56.0];
const BAR_HEIGHT: f64 = 18.0;
const BAR_NAMES: f64 = 170.0;
const BAR_FIGURES: f64 = 70.0;

/// Told apart by those who tell red from green and by those who don't.
const COLOURS: [&str; 12] = [
    "#1f4e9c", "#56a0e8", "#b03a2e", "#e67e22", "#8e44ad", "#16877a", "#c2a000", "#d6539b",
    "#444444", "#888888", "#7a5230", "#2e8b57",
];

/// The place of a line on one of the axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where.
    pub at: f64,
    /// What is written there.
    pub label: String,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
    /// Dashed rather than drawn through.
    pub is_dashed: bool,
    /// Which colour: a number that is the same for the same thing.
    pub colour: usize,
}

/// Lines over two axes.
#[derive(Clone, Debug)]
pub struct LinePlot {
    /// What it shows.
    pub title: String,
    /// What the x axis shows, with its unit.
    pub x_label: String,
    /// What the y axis shows, with its unit.
    pub y_label: String,
    /// Where the x axis has marks: values that are mapped already (logarithms, say).
    pub x_ticks: Vec<Tick>,
    /// Whether equal factors on the y axis are equal lengths.
    pub y_is_log: bool,
    /// What is shown.
    pub lines: Vec<Line>,
}

impl LinePlot {
    /// The plot; nothing where there is no point.
    #[must_use]
    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        if points().count() == 0 || self.x_ticks.is_empty() {
            return String::new();
        }
        let map = |y: f64| {
            if self.y_is_log {
                y.max(f64::MIN_POSITIVE).log10()
            } else {
                y
            }
        };
        let y_ticks = self.y_ticks(points().map(|point| point.1));
        let x_axis = Axis::over(
            self.x_ticks.iter().map(|tick| tick.at),
            MARGINS[0],
            WIDTH - MARGINS[2],
        );
        let y_axis = Axis::over(
            y_ticks.iter().map(|tick| tick.at),
            HEIGHT - MARGINS[3],
            MARGINS[1],
        );
        let mut svg = begin(WIDTH, HEIGHT, &self.title);
        for tick in &y_ticks {
            let y = y_axis.at(tick.at);
            rule(&mut svg, (MARGINS[0], y), (WIDTH - MARGINS[2], y));
            text(&mut svg, (MARGINS[0] - 8.0, y + 4.0), "end", &tick.label);
        }
        for tick in &self.x_ticks {
            let x = x_axis.at(tick.at);
            rule(&mut svg, (x, MARGINS[1]), (x, HEIGHT - MARGINS[3]));
            text(
                &mut svg,
                (x, HEIGHT - MARGINS[3] + 18.0),
                "middle",
                &tick.label,
            );
        }
        let middle = (MARGINS[0] + WIDTH - MARGINS[2]) / 2.0;
        text(&mut svg, (middle, HEIGHT - 14.0), "middle", &self.x_label);
        let upright = format!(
            "<text transform=\"translate(16 {:.0}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            (MARGINS[1] + HEIGHT - MARGINS[3]) / 2.0,
            escape(&self.y_label)
        );
        svg.push_str(&upright);
        for (at, line) in self.lines.iter().enumerate() {
            let placed = line
                .points
                .iter()
                .map(|(x, y)| (x_axis.at(*x), y_axis.at(map(*y))));
            draw(&mut svg, at, line, &placed.collect::<Vec<_>>());
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn y_ticks(&self, values: impl Iterator<Item = f64>) -> Vec<Tick> {
        let positive = values.filter(|value| value.is_finite() && *value > 0.0);
        let (low, high) = positive.fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if self.y_is_log {
            log_ticks(low.min(high), high)
        } else {
            ticks_to(high)
        }
    }
}

/// A line and its entry in the legend.
fn draw(svg: &mut String, at: usize, line: &Line, points: &[(f64, f64)]) {
    let colour = COLOURS[line.colour % COLOURS.len()];
    let dashes = if line.is_dashed {
        " stroke-dasharray=\"7 4\""
    } else {
        ""
    };
    let path: Vec<_> = points
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let stroke = format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}");
    let _ = write!(svg, "<polyline points=\"{}\" {stroke}/>", path.join(" "));
    for (x, y) in points {
        let _ = write!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\" fill=\"{colour}\"/>"
        );
    }
    let (x, y) = (
        WIDTH - MARGINS[2] + 16.0,
        MARGINS[1] + 8.0 + 20.0 * at as f64,
    );
    let _ = write!(
        svg,
        "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" {stroke}/>",
        x + 28.0
    );
    text(svg, (x + 36.0, y + 4.0), "start", &line.name);
}

/// Bars from left to right, one below the other.
#[derive(Clone, Debug)]
pub struct BarPlot {
    /// What they show, with its unit.
    pub title: String,
    /// The bars, from above.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What stands before it.
    pub name: String,
    /// How long it is, in the title's unit.
    pub length: f64,
    /// Which colour, as for a [`Line`].
    pub colour: usize,
}

impl BarPlot {
    /// The plot; nothing where there is no bar.
    #[must_use]
    pub fn svg(&self) -> String {
        let longest = self.bars.iter().map(|bar| bar.length).fold(0.0, f64::max);
        if self.bars.is_empty() {
            return String::new();
        }
        let axis = Axis {
            values: (0.0, longest.max(f64::MIN_POSITIVE)),
            places: (BAR_NAMES, WIDTH * 0.8 - BAR_FIGURES),
        };
        let height = 44.0 + (BAR_HEIGHT + 6.0) * self.bars.len() as f64;
        let mut svg = begin(WIDTH * 0.8, height, &self.title);
        for (at, bar) in self.bars.iter().enumerate() {
            let y = 38.0 + (BAR_HEIGHT + 6.0) * at as f64;
            let width = (axis.at(bar.length) - BAR_NAMES).max(1.0);
            let colour = COLOURS[bar.colour % COLOURS.len()];
            let _ = write!(
                svg,
                "<rect x=\"{BAR_NAMES}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR_HEIGHT}\" fill=\"{colour}\"/>"
            );
            text(&mut svg, (BAR_NAMES - 8.0, y + 13.0), "end", &bar.name);
            text(
                &mut svg,
                (BAR_NAMES + width + 6.0, y + 13.0),
                "start",
                &short(bar.length),
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// How values become places.
struct Axis {
    values: (f64, f64),
    places: (f64, f64),
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        // A single value stands in the middle.
        let pad = if low < high { 0.0 } else { 1.0 };
        Self {
            values: (low - pad, high + pad),
            places: (from, to),
        }
    }

    fn at(&self, value: f64) -> f64 {
        let ((low, high), (from, to)) = (self.values, self.places);
        let part = ((value - low) / (high - low)).clamp(0.0, 1.0);
        from + part * (to - from)
    }
}

/// Marks from 0 to `high` or just above, at 1, 2 or 5 times a power of ten.
#[must_use]
pub fn ticks_to(high: f64) -> Vec<Tick> {
    let rough = high / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = steps
        .into_iter()
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(power * 10.0);
    let count = (high / step * 0.999_999).ceil() as usize;
    let tick = |number: usize| Tick {
        at: step * number as f64,
        label: short(step * number as f64),
    };
    (0..=count).map(tick).collect()
}

/// Marks at 1, 2 and 5 times powers of ten, from just below `low` to just above `high`, at their logarithms.
fn log_ticks(low: f64, high: f64) -> Vec<Tick> {
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let marks = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10f64.powi(power)));
    let marks: Vec<f64> = marks.collect();
    let first = marks.iter().rposition(|mark| *mark <= low).unwrap_or(0);
    let last = marks
        .iter()
        .position(|mark| *mark >= high)
        .unwrap_or(marks.len() - 1);
    let tick = |mark: &f64| Tick {
        at: mark.log10(),
        label: short(*mark),
    };
    marks[first..=last].iter().map(tick).collect()
}

/// A number in few characters.
fn short(number: f64) -> String {
    let (number, unit) = match number.abs() {
        size if size >= 1e6 => (number / 1e6, "M"),
        size if size >= 1e4 => (number / 1e3, "k"),
        _ => (number, ""),
    };
    let decimals = match number.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    let text = format!("{number:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}{unit}")
}

fn begin(width: f64, height: f64, title: &str) -> String {
    let title = escape(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\" aria-label=\"{title}\" font-family=\"sans-serif\" font-size=\"12\">\
         <text x=\"8\" y=\"20\" font-size=\"14\" font-weight=\"bold\">{title}</text>"
    )
}

fn rule(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = write!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#ddd\"/>"
    );
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    let words = escape(words);
    let _ = write!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}

/// So that it is text wherever it stands in HTML.
#[must_use]
pub fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn marks_are_round_numbers_that_hold_every_value() {
        assert_eq!(labels(&ticks_to(1_340_000.0)), ["0", "500k", "1M", "1.5M"]);
        assert_eq!(labels(&ticks_to(5.0)), ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(
            labels(&log_ticks(6.5, 82.0)),
            ["5", "10", "20", "50", "100"]
        );
        assert_eq!(labels(&log_ticks(10.0, 10.0)), ["10"]);
    }

    #[test]
    fn a_plot_has_its_lines_names_and_units() {
        let tick = |at: f64| Tick {
            at,
            label: at.to_string(),
        };
        let mut plot = LinePlot {
            title: "rate <by> batch".to_owned(),
            x_label: "packets a turn".to_owned(),
            y_label: "packets/s".to_owned(),
            x_ticks: vec![tick(0.0), tick(1.0)],
            y_is_log: false,
            lines: vec![Line {
                name: "one & only".to_owned(),
                points: vec![(0.0, 0.0), (1.0, 5.0)],
                is_dashed: true,
                colour: 0,
            }],
        };
        let svg = plot.svg();
        for part in [
            "rate &lt;by&gt; batch",
            "packets a turn",
            "packets/s",
            "one &amp; only",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        // From the lower left corner of the axes to the upper right one.
        assert!(svg.contains("points=\"70.0,324.0 570.0,40.0\""), "{svg}");
        plot.lines[0].points.clear();
        assert_eq!(plot.svg(), "");
    }

    #[test]
    fn bars_are_as_long_as_their_figures() {
        let bar = |(name, length): (&str, f64)| Bar {
            name: name.to_owned(),
            length,
            colour: 3,
        };
        let bars = [("full", 20.0), ("half", 10.0), ("none", 0.0)]
            .map(bar)
            .to_vec();
        let svg = BarPlot {
            title: "calls".to_owned(),
            bars,
        }
        .svg();
        for width in ["width=\"368.0\"", "width=\"184.0\"", "width=\"1.0\""] {
            assert!(svg.contains(width), "{width} in {svg}");
        }
    }
}
