package reports

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// A kind is one type of report.
type kind struct {
	name, title string
	// column heads the table's first column.
	column string
	// unit is how many characters of a date name the span of one line, or 0 where a line is a product.
	unit int
}

func kinds() []kind {
	return []kind{
		{name: "daily", title: "Daily sales", column: "Day", unit: len("2026-11-30")},
		{name: "monthly", title: "Monthly sales", column: "Month", unit: len("2026-11")},
		{name: "yearly", title: "Sales by product", column: "Product"},
	}
}

func kindOf(name string) (kind, error) {
	var names []string
	for _, k := range kinds() {
		if k.name == name {
			return k, nil
		}
		names = append(names, k.name)
	}
	return kind{}, fmt.Errorf("unknown report type %q: there are %s", name, strings.Join(names, ", "))
}

// period is the last 30 days for a daily report and the last twelve whole months for the others.
func (k kind) period(last time.Time) period {
	if k.name == "daily" {
		return period{first: last.AddDate(0, 0, -29), last: last}
	}
	next := last.AddDate(0, 0, 1)
	end := date(next.Year(), next.Month(), 1) // the day behind the last whole month
	return period{first: end.AddDate(-1, 0, 0), last: end.AddDate(0, 0, -1)}
}

// page reads a user's sales, month by month, and lays the report out.
func (k kind) page(ctx context.Context, s sales, u user, slowly bool) (*page, error) {
	last, err := s.lastDay(ctx)
	if err != nil {
		return nil, err
	}
	span := k.period(last)
	p := &page{Title: k.title, Column: k.column, User: u, First: span.first, Last: span.last}
	months := span.months()
	steps := steps{total: len(months) + 2, slowly: slowly} // the months, the chart, and writing the file
	lines, err := k.lines(ctx, s, u, months, &steps)
	if err != nil {
		return nil, err
	}
	if k.unit == 0 {
		p.add(productRows(lines))
		p.Chart = barChart(p.Groups)
	} else {
		p.add(k.timeRows(lines, span))
		p.Chart = columnChart(p.Groups[0].Rows)
	}
	return p, steps.done(ctx, "chart drawn")
}

// lines reads one month after the other.
func (k kind) lines(ctx context.Context, s sales, u user, months []period, steps *steps) ([]line, error) {
	var all []line
	for _, month := range months {
		var lines []line
		var err error
		if k.unit == 0 {
			lines, err = s.byProduct(ctx, u.ID, month)
		} else {
			lines, err = s.byTime(ctx, u.ID, month, k.unit)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
		if err := steps.done(ctx, "sales of "+month.first.Format("January 2006")+" read"); err != nil {
			return nil, err
		}
	}
	if k.unit == 0 {
		return sumUp(all), nil
	}
	return all, nil
}

// A row is one line of the report's table and one bar of its chart.
type row struct {
	line
	// Name is the line's label as people write it.
	Name string
	// Tick and Below are what stands under its bar, in two lines.
	Tick, Below string
	// Part is its part of the report's revenue, 0 to 1.
	Part float64
}

// A group is a category of products, or with no name all of the table.
type group struct {
	Name  string
	Rows  []row
	Total line
	Part  float64
}

// timeRows has a row for every day or month, also for those without sales.
func (k kind) timeRows(lines []line, span period) []row {
	sold := map[string]line{}
	for _, l := range lines {
		sold[l.Label] = l
	}
	var rows []row
	for at := span.first; !at.After(span.last); {
		label := at.Format(time.DateOnly)[:k.unit]
		r := row{line: sold[label]}
		first := len(rows) == 0
		if k.name == "daily" {
			r.Name, r.Tick = at.Format("Mon 2 Jan 2006"), at.Format("2")
			if first || at.Day() == 1 {
				r.Below = at.Format("Jan")
			}
			at = at.AddDate(0, 0, 1)
		} else {
			r.Name, r.Tick = at.Format("January 2006"), at.Format("Jan")
			if first || at.Month() == time.January {
				r.Below = at.Format("2006")
			}
			at = at.AddDate(0, 1, 0)
		}
		rows = append(rows, r)
	}
	return rows
}

func productRows(lines []line) []row {
	rows := make([]row, len(lines))
	for i, l := range lines {
		rows[i] = row{line: l, Name: l.Label}
	}
	return rows
}

// A page is what render shows.
type page struct {
	Title, Column string
	User          user
	First, Last   time.Time
	JobID         string
	EnqueuedAt    time.Time
	Groups        []group
	Total         line
	Best          row // the row with the most revenue
	Chart         chart
}

// add takes the rows in, sorted by group, and sums them up.
func (p *page) add(rows []row) {
	for _, r := range rows {
		p.Total.add(r.line)
		if r.Cents > p.Best.Cents {
			p.Best = r
		}
	}
	for _, r := range rows {
		r.Part = part(r.Cents, p.Total.Cents)
		if n := len(p.Groups); n == 0 || p.Groups[n-1].Name != r.Group {
			p.Groups = append(p.Groups, group{Name: r.Group})
		}
		g := &p.Groups[len(p.Groups)-1]
		g.Rows = append(g.Rows, r)
		g.Total.add(r.line)
		g.Part = part(g.Total.Cents, p.Total.Cents)
	}
}

func part(cents, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(cents) / float64(of)
}

// Average is the revenue of one sale.
func (p *page) Average() int64 {
	if p.Total.Sales == 0 {
		return 0
	}
	return (p.Total.Cents + p.Total.Sales/2) / p.Total.Sales
}

// money writes cents as dollars: $1,234.56.
func money(cents int64) string {
	return fmt.Sprintf("$%s.%02d", count(cents/100), cents%100)
}

// count writes a number with its thousands apart.
func count(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
