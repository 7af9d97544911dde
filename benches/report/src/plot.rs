//! Plots as SVG that stands in the page itself, drawn by plotters.

use std::ops::Range;

use anyhow::Context;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::table;

const WIDTH: u32 = 760;
const HEIGHT: u32 = 380;
const LEGEND_WIDTH: u32 = 180;
const TITLE_HEIGHT: u32 = 32;
const BAR_NAMES: i32 = 170;
const BARS_END: i32 = WIDTH as i32 - 80;

/// Distinct to readers who tell red from green and to those who don't.
const COLOURS: [RGBColor; 12] = [
    RGBColor(0x1f, 0x4e, 0x9c),
    RGBColor(0x56, 0xa0, 0xe8),
    RGBColor(0xb0, 0x3a, 0x2e),
    RGBColor(0xe6, 0x7e, 0x22),
    RGBColor(0x8e, 0x44, 0xad),
    RGBColor(0x16, 0x87, 0x7a),
    RGBColor(0xc2, 0xa0, 0x00),
    RGBColor(0xd6, 0x53, 0x9b),
    RGBColor(0x44, 0x44, 0x44),
    RGBColor(0x88, 0x88, 0x88),
    RGBColor(0x7a, 0x52, 0x30),
    RGBColor(0x2e, 0x8b, 0x57),
];

/// One line, or one bar, whose only point is its length.
pub(crate) struct Series {
    pub(crate) name: String,
    /// From left to right.
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) is_dashed: bool,
    /// The same number for the same contestant in every plot.
    pub(crate) colour: usize,
}

impl Series {
    fn style(&self) -> ShapeStyle {
        COLOURS[self.colour % COLOURS.len()].stroke_width(2)
    }
}

/// A range of values, and its marks.
struct Axis(Range<f64>, Vec<f64>);

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range()).map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        let is_bold = !hint.weight().allow_light_points();
        if is_bold { self.1.clone() } else { Vec::new() }
    }

    fn range(&self) -> Range<f64> {
        self.0.clone()
    }
}

/// What the axes show.
pub(crate) struct Axes<'a> {
    pub(crate) title: &'a str,
    pub(crate) x_label: &'a str,
    pub(crate) y_label: &'a str,
    /// Marks on the x axis, in the unit of the points, and their labels.
    pub(crate) x_ticks: Vec<(f64, String)>,
    pub(crate) y_is_log: bool,
}

/// Lines over two axes; empty where there is no point.
pub(crate) fn lines(axes: &Axes<'_>, lines: &[Series]) -> anyhow::Result<String> {
    let all = || lines.iter().flat_map(|line| &line.points);
    let xs = all()
        .map(|(x, _)| *x)
        .chain(axes.x_ticks.iter().map(|(x, _)| *x));
    let (left, right) = ends(xs);
    // A single value stands in the middle.
    let pad = if left < right { 0.0 } else { 1.0 };
    // Logarithms are drawn on a linear axis, so that both kinds of axis have one type.
    let ys = || all().map(|(_, y)| *y).filter(|y| *y > 0.0);
    if ys().count() == 0 {
        return Ok(String::new());
    }
    let (low, high) = ends(ys());
    let map = |y: f64| if axes.y_is_log { y.log10() } else { y };
    let y_range = if axes.y_is_log {
        map(low / 1.1)..map(high * 1.1)
    } else {
        0.0..high * 1.05
    };
    let y_ticks = if axes.y_is_log {
        let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let marks =
            powers.flat_map(|power| [1.0, 2.0, 5.0].map(|it| (it * 10f64.powi(power)).log10()));
        marks.filter(|mark| y_range.contains(mark)).collect()
    } else {
        RangedCoordf64::from(y_range.clone()).key_points(8)
    };
    draw((WIDTH, HEIGHT), axes.title, |area| {
        let (plot, legend) = area.split_horizontally(WIDTH - LEGEND_WIDTH);
        let mut chart = ChartBuilder::on(&plot)
            .margin(8)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(
                Axis(
                    left - pad..right + pad,
                    axes.x_ticks.iter().map(|(x, _)| *x).collect(),
                ),
                Axis(y_range, y_ticks),
            )?;
        let x_name = |x: &f64| {
            let tick = axes.x_ticks.iter().find(|(at, _)| at == x);
            tick.map_or_else(String::new, |(_, name)| name.clone())
        };
        let y_name = |y: &f64| short(if axes.y_is_log { 10f64.powf(*y) } else { *y });
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(axes.x_label).y_desc(axes.y_label);
        mesh.x_label_formatter(&x_name).y_label_formatter(&y_name);
        mesh.draw()?;
        for (line, y) in lines.iter().zip((16..).step_by(20)) {
            let style = line.style();
            let points: Vec<_> = line.points.iter().map(|(x, y)| (*x, map(*y))).collect();
            let dots = points
                .iter()
                .map(|point| Circle::new(*point, 3, style.filled()));
            chart.draw_series(dots)?;
            let key = [(0, y), (28, y)];
            if line.is_dashed {
                chart.draw_series(DashedLineSeries::new(points, 7, 4, style))?;
                legend.draw(&DashedPathElement::new(key, 7, 4, style))?;
            } else {
                chart.draw_series(LineSeries::new(points, style))?;
                legend.draw(&PathElement::new(key, style))?;
            }
            text(&legend, (36, y), HPos::Left, &line.name)?;
        }
        Ok(())
    })
}

/// Bars from left to right, one below the other, each with its name and figure; empty where there
/// is none.
pub(crate) fn bars(title: &str, bars: &[(String, f64, usize)]) -> anyhow::Result<String> {
    let longest = bars
        .iter()
        .map(|(_, length, _)| *length)
        .fold(f64::MIN_POSITIVE, f64::max);
    if bars.is_empty() {
        return Ok(String::new());
    }
    let height = TITLE_HEIGHT + 24 * bars.len() as u32;
    draw((WIDTH, height), title, |area| {
        for ((name, length, colour), y) in bars.iter().zip((0..).step_by(24)) {
            let end =
                BAR_NAMES + (length / longest * f64::from(BARS_END - BAR_NAMES)).max(1.0) as i32;
            let colour = COLOURS[colour % COLOURS.len()];
            area.draw(&Rectangle::new(
                [(BAR_NAMES, y), (end, y + 18)],
                colour.filled(),
            ))?;
            text(area, (BAR_NAMES - 8, y + 9), HPos::Right, name)?;
            text(area, (end + 6, y + 9), HPos::Left, &short(*length))?;
        }
        Ok(())
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// On one line, so that the SVG is one block of HTML wherever it stands in Markdown.
fn draw(
    size: (u32, u32),
    title: &str,
    content: impl FnOnce(&Area<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let area = root.titled(title, ("sans-serif", 16))?;
        content(&area).with_context(|| format!("drawing {title}"))?;
        root.present()?;
    }
    Ok(format!("<figure>{}</figure>", svg.replace('\n', "")))
}

fn text(area: &Area<'_>, at: (i32, i32), from: HPos, words: &str) -> anyhow::Result<()> {
    let style = ("sans-serif", 13)
        .into_text_style(area)
        .pos(Pos::new(from, VPos::Center));
    Ok(area.draw(&Text::new(words, at, style))?)
}

/// The least and the largest.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::MAX, f64::MIN), |(low, high), it| {
        (low.min(it), high.max(it))
    })
}

/// About three digits and a unit.
fn short(number: f64) -> String {
    match number {
        0.0 => "0".to_owned(),
        size if size >= 1e6 => table::short(number / 1e6) + "M",
        size if size >= 1e4 => table::short(number / 1e3) + "k",
        _ => table::short(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_its_lines_names_and_units() {
        let axes = Axes {
            title: "rate <by> batch",
            x_label: "packets a turn",
            y_label: "packets/s",
            x_ticks: vec![(0.0, "1".to_owned()), (1.0, "two".to_owned())],
            y_is_log: false,
        };
        let mut line = Series {
            name: "one & only".to_owned(),
            points: vec![(0.0, 0.0), (1.0, 1_340_000.0)],
            is_dashed: true,
            colour: 0,
        };
        let parts = [
            "rate &lt;by&gt; batch",
            "packets a turn",
            "packets/s",
            "one &amp; only",
            "two",
            "1.00M",
        ];
        let plot = |axes: &Axes<'_>, line: &Series| {
            lines(axes, std::slice::from_ref(line)).expect("a plot")
        };
        let svg = plot(&axes, &line);
        assert!(parts.iter().all(|part| svg.contains(part)), "{svg}");
        let axes = Axes {
            y_is_log: true,
            ..axes
        };
        line.points = vec![(0.0, 6.5), (1.0, 82.0)];
        let svg = plot(&axes, &line);
        assert!(
            [">10.0<", ">20.0<", ">50.0<"]
                .iter()
                .all(|mark| svg.contains(mark)),
            "{svg}"
        );
        line.points.clear();
        assert_eq!(plot(&axes, &line), "");
    }

    #[test]
    fn bars_are_as_long_as_their_figures() {
        let all = [("full", 20.0), ("half", 10.0), ("none", 0.0)];
        let svg = bars(
            "calls",
            &all.map(|(name, length)| (name.to_owned(), length, 3)),
        )
        .expect("a plot");
        for width in [510, 255, 1] {
            assert!(
                svg.contains(&format!("width=\"{width}\" height=\"18\"")),
                "{width} in {svg}"
            );
        }
    }
}
