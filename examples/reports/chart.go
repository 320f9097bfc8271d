package reports

import (
	"fmt"
	"math"
)

// A chart is a drawing in SVG's coordinates, with (0, 0) at the top left.
type chart struct {
	Width, Height float64
	Rules         []rule
	Bars          []bar
	Labels        []label
}

// A rule is a line of the grid.
type rule struct {
	X1, Y1, X2, Y2 float64
	Base           bool // the axis itself
}

// A bar stands for one row; Hue 0 to 3 tells groups apart.
type bar struct {
	X, Y, Width, Height float64
	Hue                 int
	Tip                 string
}

// A label's Anchor is start, middle or end; its Class is tick, value or head.
type label struct {
	X, Y          float64
	Anchor, Class string
	Text          string
}

const (
	hues       = 4
	chartWidth = 880.0
)

// columnChart draws rows side by side, as time goes.
func columnChart(rows []row) chart {
	const left, right, top, bottom, height = 54.0, 6.0, 26.0, 44.0, 340.0
	c := chart{Width: chartWidth, Height: height}
	floor := height - bottom
	scale := scaleOf(rows)
	for i := range scale.steps + 1 {
		y := px(floor - (floor-top)*float64(i)/float64(scale.steps))
		c.Rules = append(c.Rules, rule{X1: left, Y1: y, X2: chartWidth - right, Y2: y, Base: i == 0})
		c.Labels = append(c.Labels, label{X: left - 8, Y: y + 4, Anchor: "end", Class: "tick", Text: "$" + short(scale.at(i))})
	}
	slot := (chartWidth - left - right) / float64(len(rows))
	width := math.Min(slot*0.72, 46)
	for i, r := range rows {
		middle := px(left + slot*(float64(i)+0.5))
		tall := px((floor - top) * scale.part(r.Cents))
		c.Bars = append(c.Bars, bar{X: px(middle - width/2), Y: px(floor - tall), Width: px(width), Height: tall, Tip: tip(r)})
		if r.Cents > 0 {
			c.Labels = append(c.Labels, label{X: middle, Y: px(floor - tall - 6), Anchor: "middle", Class: "value", Text: short(r.Cents)})
		}
		c.Labels = append(c.Labels,
			label{X: middle, Y: floor + 18, Anchor: "middle", Class: "tick", Text: r.Tick},
			label{X: middle, Y: floor + 34, Anchor: "middle", Class: "head", Text: r.Below})
	}
	return c
}

// barChart draws rows one below the other, group by group, since a product's name needs room.
func barChart(groups []group) chart {
	const left, right, top, bottom, line, head = 170.0, 78.0, 4.0, 26.0, 26.0, 30.0
	var rows []row
	for _, g := range groups {
		rows = append(rows, g.Rows...)
	}
	c := chart{Width: chartWidth, Height: top + bottom + head*float64(len(groups)) + line*float64(len(rows))}
	floor := c.Height - bottom
	scale := scaleOf(rows)
	for i := range scale.steps + 1 {
		x := px(left + (chartWidth-left-right)*float64(i)/float64(scale.steps))
		c.Rules = append(c.Rules, rule{X1: x, Y1: top, X2: x, Y2: floor, Base: i == 0})
		c.Labels = append(c.Labels, label{X: x, Y: floor + 18, Anchor: "middle", Class: "tick", Text: "$" + short(scale.at(i))})
	}
	y := top
	for i, g := range groups {
		c.Labels = append(c.Labels, label{X: left - 10, Y: y + 21, Anchor: "end", Class: "head", Text: g.Name})
		y += head
		for _, r := range g.Rows {
			long := px((chartWidth - left - right) * scale.part(r.Cents))
			c.Bars = append(c.Bars, bar{X: left, Y: y + 3, Width: long, Height: line - 6, Hue: i % hues, Tip: tip(r)})
			c.Labels = append(c.Labels,
				label{X: left - 10, Y: y + 17, Anchor: "end", Class: "tick", Text: shorten(r.Name, 24)},
				label{X: px(left + long + 7), Y: y + 17, Anchor: "start", Class: "value", Text: money(r.Cents)})
			y += line
		}
	}
	return c
}

func tip(r row) string {
	return fmt.Sprintf("%s: %s from %s sales", r.Name, money(r.Cents), count(r.Sales))
}

// A scale divides an axis from 0 into a few round steps.
type scale struct {
	step  int64 // in cents
	steps int
}

// scaleOf returns the finest scale of at most five steps of 1, 2 or 5 times a power of ten dollars.
func scaleOf(rows []row) scale {
	most := int64(1)
	for _, r := range rows {
		most = max(most, r.Cents)
	}
	for power := int64(100); ; power *= 10 {
		for _, digit := range []int64{1, 2, 5} {
			step := digit * power
			if steps := (most + step - 1) / step; steps <= 5 {
				return scale{step: step, steps: int(steps)}
			}
		}
	}
}

func (s scale) at(i int) int64 { return s.step * int64(i) }

func (s scale) part(cents int64) float64 {
	return float64(cents) / float64(s.at(s.steps))
}

// short writes cents as dollars in few characters: 845, 1.2k, 12.4k, 3M.
func short(cents int64) string {
	dollars := float64(cents) / 100
	for _, unit := range []string{"", "k", "M", "G"} {
		switch {
		case dollars < 99.95 && unit != "" && math.Round(dollars*10) != math.Round(dollars)*10:
			return fmt.Sprintf("%.1f%s", dollars, unit)
		case dollars < 999.5:
			return fmt.Sprintf("%.0f%s", dollars, unit)
		}
		dollars /= 1000
	}
	return fmt.Sprintf("%.0fT", dollars)
}

// shorten cuts a text to so many characters.
func shorten(text string, to int) string {
	if characters := []rune(text); len(characters) > to {
		return string(characters[:to-1]) + "…"
	}
	return text
}

// px rounds a coordinate to what can be seen.
func px(v float64) float64 { return math.Round(v*10) / 10 }
