//! Draws a view with ratatui: at least 80 by 24, in 16 colours, and nothing by colour alone.

use host_terminal::till::screen::{Gauge, Tone, View};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::letters;

/// The smallest window: columns, rows.
const SMALLEST: (u16, u16) = (80, 24);
/// What is free left and right of the text.
const MARGIN: u16 = 4;
/// Characters of a gauge between its ends.
const GAUGE_WIDTH: u16 = 45;

pub(super) fn draw(frame: &mut Frame<'_>, view: &View) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return too_small(frame, area);
    }
    let big = if view.big.is_some() { Constraint::Length(7) } else { Constraint::Length(1) };
    let gauge = Constraint::Length(if view.gauge.is_some() { 2 } else { 0 });
    let rows = [Constraint::Length(1), big, Constraint::Min(1), gauge, Constraint::Length(2), Constraint::Length(1)];
    let [title, big, body, gauge, notice, keys] = Layout::vertical(rows).areas(area);
    bar(frame, title, vec![Span::raw(format!(" {}", view.title))]);
    large(frame, inside(big), view);
    lines(frame, inside(body), view);
    if let Some(done) = view.gauge {
        progress(frame, inside(gauge), done);
    }
    let said = Paragraph::new(view.notice.as_str()).wrap(Wrap { trim: true }).style(style(Tone::Warning));
    frame.render_widget(said, inside(notice));
    let hint = |(key, what): &(&'static str, &'static str)| {
        [Span::raw(format!(" {key}")).bold(), Span::raw(format!(" {what} "))]
    };
    bar(frame, keys, view.keys.iter().flat_map(hint).collect());
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let text = format!(
        "This window has {} x {} characters. The till needs {} x {}: make it larger, or use a smaller font.",
        area.width, area.height, SMALLEST.0, SMALLEST.1
    );
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
}

fn inside(area: Rect) -> Rect {
    Rect { x: area.x + MARGIN, width: area.width.saturating_sub(2 * MARGIN), ..area }
}

fn bar(frame: &mut Frame<'_>, area: Rect, spans: Vec<Span<'_>>) {
    let style = Style::new().add_modifier(Modifier::REVERSED);
    frame.render_widget(Paragraph::new(Line::from(spans)).style(style), area);
}

fn large(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let Some((text, tone)) = &view.big else { return };
    let rows = letters::large(text).map_or_else(|| vec![String::new(), text.clone()], Vec::from);
    let rows = std::iter::once(String::new()).chain(rows);
    let lines: Vec<Line<'_>> = rows.map(Line::from).collect();
    let words = Paragraph::new(lines).style(style(*tone).add_modifier(Modifier::BOLD));
    frame.render_widget(words, area);
}

/// The lines, from the first that lets the chosen one be seen.
fn lines(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let height = usize::from(area.height);
    let wanted = view.selected.map_or(view.top, |chosen| chosen.saturating_sub(height / 2));
    let top = wanted.min(view.lines.len().saturating_sub(height));
    let shown = view.lines.iter().enumerate().skip(top).take(height);
    let lines: Vec<Line<'_>> =
        shown.map(|(place, (text, tone))| line(text, *tone, view.selected.map(|chosen| chosen == place))).collect();
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), area);
}

/// Only lines of lists have a mark in front of them: others may be longer than the screen is wide.
fn line(text: &str, tone: Tone, chosen: Option<bool>) -> Line<'_> {
    match chosen {
        None => Line::styled(text, style(tone)),
        Some(false) => Line::from(vec![Span::raw("  "), Span::styled(text, style(tone))]),
        Some(true) => {
            Line::from(vec![Span::raw("> "), Span::styled(text, style(tone).add_modifier(Modifier::REVERSED))])
        }
    }
}

fn progress(frame: &mut Frame<'_>, area: Rect, Gauge { done, of }: Gauge) {
    let filled = usize::from(GAUGE_WIDTH * done.min(of) / of.max(1));
    let rest = usize::from(GAUGE_WIDTH).saturating_sub(filled);
    let text = format!("[{}{}] {done} of {of}", "#".repeat(filled), ".".repeat(rest));
    frame.render_widget(Paragraph::new(text).alignment(Alignment::Left), area);
}

fn style(tone: Tone) -> Style {
    // A person may not want colours (no-color.org); the words say everything.
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return Style::new();
    }
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Bad => Style::new().fg(Color::Red),
        Tone::Warning => Style::new().fg(Color::Yellow),
    }
}
