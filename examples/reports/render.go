package reports

import (
	"bytes"
	_ "embed"
	"fmt"
	"html"
	"strings"
	"time"
)

//go:embed page.css
var style string

// A document is HTML that is being written. html/template would do it as well; it makes the linker keep every method of
// every type, which is a third of a small Lambda function's binary.
type document struct{ bytes.Buffer }

// f adds formatted HTML. The format is the program's own; strings among the arguments are escaped.
func (d *document) f(format string, args ...any) {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = html.EscapeString(text)
		}
	}
	_, _ = fmt.Fprintf(d, format+"\n", args...) // into memory
}

// render returns the page as one HTML file that needs no other. What it shows follows from the data and the job alone,
// so that every attempt of a job renders the same.
func (p *page) render() []byte {
	d := &document{}
	d.f(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>%s · %s</title>
<style>`, p.Title, p.User.Name)
	d.WriteString(style)
	d.f(`</style>
</head>
<body>
<main>
<header>
<h1>%s</h1>
<p>%s, %s · %s to %s</p>
</header>`, p.Title, p.User.Name, p.User.Region, day(p.First), day(p.Last))
	p.figures(d)
	d.f(`<section aria-labelledby="chart">
<h2 id="chart">Revenue by %s</h2>`, strings.ToLower(p.Column))
	if p.Total.Sales == 0 {
		d.f(`<p>There are no sales in this period.</p>`)
	} else {
		p.drawing(d)
	}
	d.f(`</section>`)
	p.table(d)
	enqueued := ""
	if !p.EnqueuedAt.IsZero() {
		enqueued = p.EnqueuedAt.UTC().Format(", enqueued on 2 January 2006, 15:04 UTC")
	}
	d.f(`<footer>Made by job %s%s. All amounts are in US dollars.</footer>
</main>
</body>
</html>`, p.JobID, enqueued)
	return d.Bytes()
}

func (p *page) figures(d *document) {
	d.f(`<dl>
<div><dt>Revenue</dt><dd>%s</dd></div>
<div><dt>Sales</dt><dd>%s</dd></div>
<div><dt>Units</dt><dd>%s</dd></div>
<div><dt>Average sale</dt><dd>%s</dd></div>`, money(p.Total.Cents), count(p.Total.Sales), count(p.Total.Units), money(p.Average()))
	if p.Best.Cents > 0 {
		d.f(`<div><dt>Best %s</dt><dd>%s<small>%s</small></dd></div>`, strings.ToLower(p.Column), money(p.Best.Cents), p.Best.Name)
	}
	d.f(`</dl>`)
}

func (p *page) drawing(d *document) {
	d.f(`<div class="wide" role="group" aria-labelledby="chart" tabindex="0">
<svg viewBox="0 0 %v %v" role="img" aria-labelledby="chart-title chart-text">
<title id="chart-title">Bar chart of revenue by %s</title>
<desc id="chart-text">In US dollars, from %s to %s; %s in total, the most in %s. The table below has every value.</desc>`,
		p.Chart.Width, p.Chart.Height, strings.ToLower(p.Column), day(p.First), day(p.Last), money(p.Total.Cents), p.Best.Name)
	for _, r := range p.Chart.Rules {
		class := "rule"
		if r.Base {
			class = "base"
		}
		d.f(`<line class="%s" x1="%v" y1="%v" x2="%v" y2="%v"/>`, class, r.X1, r.Y1, r.X2, r.Y2)
	}
	for _, b := range p.Chart.Bars {
		d.f(`<rect class="hue-%d" x="%v" y="%v" width="%v" height="%v" rx="2"><title>%s</title></rect>`, b.Hue, b.X, b.Y, b.Width, b.Height, b.Tip)
	}
	for _, l := range p.Chart.Labels {
		if l.Text != "" {
			d.f(`<text class="%s" x="%v" y="%v" text-anchor="%s">%s</text>`, l.Class, l.X, l.Y, l.Anchor, l.Text)
		}
	}
	d.f(`</svg>
</div>`)
}

func (p *page) table(d *document) {
	d.f(`<section aria-labelledby="table">
<h2 id="table">All figures</h2>
<table aria-labelledby="table">
<thead><tr><th scope="col">%s</th><th scope="col">Sales</th><th scope="col">Units</th><th scope="col">Revenue</th><th scope="col">Share</th></tr></thead>`, p.Column)
	for _, g := range p.Groups {
		d.f(`<tbody>`)
		if g.Name != "" {
			d.f(`<tr class="group"><th scope="rowgroup">%s</th>%v</tr>`, g.Name, cells(g.Total, g.Part))
		}
		for _, r := range g.Rows {
			d.f(`<tr><th scope="row">%s</th>%v</tr>`, r.Name, cells(r.line, r.Part))
		}
		d.f(`</tbody>`)
	}
	d.f(`<tfoot><tr><th scope="row">Total</th>%v</tr></tfoot>
</table>
</section>`, cells(p.Total, part(p.Total.Cents, p.Total.Cents)))
}

// markup is HTML that is not escaped again.
type markup string

func cells(l line, part float64) markup {
	return markup(fmt.Sprintf(`<td>%s</td><td>%s</td><td>%s</td><td>%.1f%%</td>`, count(l.Sales), count(l.Units), money(l.Cents), 100*part))
}

func day(t time.Time) string { return t.Format("2 January 2006") }
