// SPDX-License-Identifier: GPL-2.0

//! Plots of what was measured. Their background is transparent, and their colours can be told from white
//! as well as from black.

use crate::{cases::cases, device::Layout, run::Measured};
use anyhow::{Context, Result};
use plotters::{coord::Shift, prelude::*};
use std::{fs, path::Path};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Draw = fn(&Costs<'_>, &Area<'_>) -> Result<()>;

const SIZE: (u32, u32) = (840, 460);
const INK: RGBColor = RGBColor(0x76, 0x7e, 0x88);

/// `http_filter` has the first one.
const COLOURS: [RGBColor; 10] = [
    RGBColor(0xe5, 0x39, 0x35),
    RGBColor(0x3b, 0x82, 0xf6),
    RGBColor(0xd9, 0x7f, 0x06),
    RGBColor(0x22, 0x9e, 0x58),
    RGBColor(0x9b, 0x6a, 0xe0),
    RGBColor(0x12, 0x9a, 0xa8),
    RGBColor(0xd6, 0x50, 0x9c),
    RGBColor(0x8d, 0x8a, 0x20),
    RGBColor(0x9a, 0x6a, 0x4a),
    RGBColor(0x80, 0x88, 0x92),
];

/// What each case costs with each peer, or `None` if it was not measured.
struct Costs<'a> {
    measured: &'a [Measured],
}

impl Costs<'_> {
    fn find(&self, peer: &str, case: &str) -> Option<&Measured> {
        let is_it = |m: &&Measured| {
            (&*m.peer, &*m.case, &*m.family) == (peer, case, "IPv4") && m.known && m.undecided == 0
        };
        self.measured.iter().find(is_it)
    }

    /// What a peer adds to nothing.
    fn adds(&self, peer: &str, case: &str) -> Option<f64> {
        Some(self.find(peer, case)?.min - self.find("nothing", case)?.min)
    }

    /// The peers of which something is true, with their colours; `http_filter` first.
    fn peers(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<(&str, RGBColor)> {
        let mut peers = vec!["http_filter"];
        for m in self.measured {
            if !["nothing", "empty hook", "empty Rust hook"].contains(&&*m.peer)
                && !peers.contains(&&*m.peer)
            {
                peers.push(&m.peer);
            }
        }
        let mut peers: Vec<_> = peers.into_iter().zip(COLOURS).collect();
        peers.retain(|(peer, _)| is_wanted(peer));
        peers
    }
}

/// A number as short as it can be read: `700`, `8 k`, `5 M`.
fn short(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{} M", n / 1e6),
        n if n >= 1e3 => format!("{} k", n / 1e3),
        n => format!("{n}"),
    }
}

fn text(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).with_color(INK).into_text_style(&SIZE)
}

/// A title, and below it the peers with their colours. Returns what is left of the area.
fn head<'a>(area: &Area<'a>, title: &str, peers: &[(&str, RGBColor)]) -> Result<Area<'a>> {
    let (top, rest) = area.split_vertically(64);
    top.draw_text(title, &text(18), (14, 10))?;
    let width = (SIZE.0 as i32 - 28) / peers.len().max(1) as i32;
    for (index, (peer, colour)) in peers.iter().enumerate() {
        let x = 14 + width * index as i32;
        top.draw(&Circle::new((x + 5, 47), 5, colour.filled()))?;
        top.draw_text(peer, &text(14), (x + 15, 41))?;
    }
    Ok(rest)
}

/// What the first packet of a connection costs, a request with a target of that length.
fn by_length(costs: &Costs<'_>, area: &Area<'_>) -> Result<()> {
    let requests: Vec<_> = cases()
        .into_iter()
        .filter(|case| case.name.starts_with("GET") && case.name.ends_with("first"))
        .filter(|case| case.layout != Layout::Listed)
        .map(|case| (case.name, case.data.len() as f64))
        .collect();
    let drops = |peer: &str| {
        let of = requests
            .first()
            .and_then(|(case, _)| costs.find(peer, case));
        of.is_some_and(|of| of.dropped > 0.5)
    };
    let peers = costs.peers(drops);
    let title = "Instructions for the first packet of a connection, a GET, by its length in bytes";
    let area = head(area, title, &peers)?;
    let mut chart = ChartBuilder::on(&area)
        .margin_right(24)
        .x_label_area_size(34)
        .y_label_area_size(76)
        .build_cartesian_2d(
            (60.0..100_000.0_f64).log_scale(),
            (100.0..10_000_000.0_f64).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_label_formatter(&|&x| short(x))
        .y_label_formatter(&|&y| short(y))
        .label_style(text(14))
        .axis_style(INK)
        .bold_line_style(INK.mix(0.35))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (index, (peer, colour)) in peers.iter().enumerate() {
        let points: Vec<_> = requests
            .iter()
            .filter_map(|&(case, len)| Some((len, costs.adds(peer, case)?)))
            .collect();
        let line = colour.stroke_width(if index == 0 { 4 } else { 2 });
        chart.draw_series(LineSeries::new(points.clone(), line))?;
        chart.draw_series(points.iter().map(|&at| Circle::new(at, 4, colour.filled())))?;
    }
    Ok(())
}

/// What packets of several kinds cost: a row for each kind, and in it a dot for each peer.
fn by_kind(costs: &Costs<'_>, area: &Area<'_>) -> Result<()> {
    let kinds = [
        "ACK",
        "1448 B",
        "60 kB, paged",
        "TLS hello, first",
        "SSH banner, first",
        "Redis PING, first",
        "GET 82 B, again",
        "GET 60 kB, again",
    ];
    let peers = costs.peers(|_| true);
    let title = "Instructions that a packet costs more, by its kind";
    let area = head(area, title, &peers)?;
    let rows = kinds.len() as i32;
    let mut chart = ChartBuilder::on(&area)
        .margin_right(24)
        .x_label_area_size(34)
        .y_label_area_size(150)
        .build_cartesian_2d(
            (50.0..2_000_000.0_f64).log_scale(),
            (0..rows - 1).into_segmented(),
        )?;
    let kind = |row: &SegmentValue<i32>| match row {
        SegmentValue::CenterOf(row) => kinds.get((rows - 1 - row) as usize).unwrap_or(&""),
        _ => "",
    };
    chart
        .configure_mesh()
        .x_label_formatter(&|&x| short(x))
        .y_label_formatter(&|row| kind(row).to_string())
        .y_labels(kinds.len())
        .label_style(text(14))
        .axis_style(INK)
        .bold_line_style(INK.mix(0.35))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (index, (peer, colour)) in peers.iter().enumerate().rev() {
        let dots = (0..rows).filter_map(|row| {
            let row = SegmentValue::CenterOf(row);
            Some((costs.adds(peer, kind(&row))?, row))
        });
        let size = if index == 0 { 7 } else { 5 };
        chart.draw_series(dots.map(|at| Circle::new(at, size, colour.filled())))?;
    }
    Ok(())
}

/// Writes the plots into a folder.
pub(crate) fn plot(measured: &[Measured], folder: &Path) -> Result<()> {
    let costs = Costs { measured };
    let plots: [(&str, Draw); 2] = [("by-length.svg", by_length), ("by-kind.svg", by_kind)];
    for (name, draw) in plots {
        let mut svg = String::new();
        draw(
            &costs,
            &SVGBackend::with_string(&mut svg, SIZE).into_drawing_area(),
        )
        .with_context(|| name.to_owned())?;
        fs::write(folder.join(name), svg)?;
    }
    Ok(())
}
