//! Plots as SVG that stands in the page itself, drawn by plotters.

use anyhow::Context;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::table;

const SIZE: (u32, u32) = (760, 380);
const LEGEND_WIDTH: u32 = 180;

/// Distinct to readers who tell red from green and to those who don't.
const COLOURS: [RGBColor; 10] = [
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
];

pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    /// From left to right, in the unit of the axes.
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) is_dashed: bool,
    /// The same number for the same contestant in every plot.
    pub(crate) colour: usize,
}

pub(crate) struct Axes<'a> {
    pub(crate) title: &'a str,
    pub(crate) x_label: &'a str,
    pub(crate) y_label: &'a str,
    /// The text at a mark of the x axis. Marks are at whole numbers.
    pub(crate) x_name: fn(f64) -> String,
    pub(crate) y_is_log: bool,
}

/// Lines over two axes, on one line, so that the SVG is one block of HTML wherever it stands in
/// Markdown; empty where there is no point.
pub(crate) fn lines(axes: &Axes<'_>, lines: &[Line<'_>]) -> anyhow::Result<String> {
    let ys = || lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y);
    if ys().next().is_none() {
        return Ok(String::new());
    }
    let (low, high) = (ys().fold(f64::MAX, f64::min), ys().fold(0.0, f64::max));
    let svg = if axes.y_is_log {
        draw(axes, lines, (low / 1.1..high * 1.1).log_scale())
    } else {
        draw(axes, lines, 0.0..high * 1.05)
    };
    let svg = svg.with_context(|| format!("drawing {}", axes.title))?;
    Ok(format!("<figure>{}</figure>", svg.replace('\n', "")))
}

fn draw<Y>(axes: &Axes<'_>, lines: &[Line<'_>], y: Y) -> anyhow::Result<String>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let xs = lines.iter().flat_map(|line| &line.points).map(|(x, _)| *x);
    // A mark at the end is inside, whatever rounding did.
    let right = (xs.fold(1.0, f64::max) - 1e-6).ceil();
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let area = root.titled(axes.title, ("sans-serif", 16))?;
        let (plot, legend) = area.split_horizontally(SIZE.0 - LEGEND_WIDTH);
        let mut chart = ChartBuilder::on(&plot)
            .margin(8)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(0.0..right, y)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(axes.x_label)
            .x_labels(right as usize + 1)
            .x_label_formatter(&|x| (axes.x_name)(*x))
            .y_desc(axes.y_label)
            .y_label_formatter(&|y| short(*y))
            .draw()?;
        for (line, y) in lines.iter().zip((16..).step_by(20)) {
            let style = COLOURS[line.colour % COLOURS.len()].stroke_width(2);
            let points = || line.points.iter().copied();
            let dots = points().map(|point| Circle::new(point, 3, style.filled()));
            chart.draw_series(dots)?;
            let key = [(0, y), (28, y)];
            if line.is_dashed {
                chart.draw_series(DashedLineSeries::new(points(), 7, 4, style))?;
                legend.draw(&DashedPathElement::new(key, 7, 4, style))?;
            } else {
                chart.draw_series(LineSeries::new(points(), style))?;
                legend.draw(&PathElement::new(key, style))?;
            }
            let text = ("sans-serif", 13).into_text_style(&legend);
            let text = text.pos(Pos::new(HPos::Left, VPos::Center));
            legend.draw(&Text::new(line.name, (36, y), text))?;
        }
        root.present()?;
    }
    Ok(svg)
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
        let plot = |y_is_log, points: &[_]| {
            let axes = Axes {
                title: "rate <by> batch",
                x_label: "packets a turn",
                y_label: "packets/s",
                x_name: |x| format!("{x} of x"),
                y_is_log,
            };
            let line = Line {
                name: "one & only",
                points: points.to_vec(),
                is_dashed: true,
                colour: 0,
            };
            lines(&axes, &[line]).expect("a plot")
        };
        let names = ["rate &lt;by&gt; batch", "packets a turn", "packets/s"];
        let linear = plot(false, &[(0.0, 0.0), (1.0, 1_340_000.0)]);
        let log = plot(true, &[(0.0, 6.5), (1.0, 820.0)]);
        for (svg, marks) in [(linear, ["1.00M", "1 of x"]), (log, [">10.0<", ">100<"])] {
            for part in names.iter().chain(&["one &amp; only"]).chain(&marks) {
                assert!(svg.contains(part), "{part} in {svg}");
            }
        }
        assert_eq!(plot(true, &[]), "");
    }
}
