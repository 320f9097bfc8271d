package main

import (
	"fmt"
	"math"
	"os"
	"strings"
	"unicode/utf8"
)

// table is a Markdown table whose columns line up in a terminal as well.
type table struct {
	header []string
	rows   [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// String writes the first column to the left and the others to the right.
func (t *table) String() string {
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var b strings.Builder
	line := func(cells []string) {
		for i, width := range widths {
			cell := ""
			if i < len(cells) {
				cell = cells[i]
			}
			pad := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
			if i == 0 {
				fmt.Fprintf(&b, "| %s%s ", cell, pad)
			} else {
				fmt.Fprintf(&b, "| %s%s ", pad, cell)
			}
		}
		b.WriteString("|\n")
	}
	line(t.header)
	for i, width := range widths {
		if i == 0 {
			b.WriteString("|" + strings.Repeat("-", width+2))
		} else {
			b.WriteString("|" + strings.Repeat("-", width+1) + ":")
		}
	}
	b.WriteString("|\n")
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}

// whole writes a number without fraction, in groups of three digits; "-" where there is none.
func whole(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	digits := fmt.Sprintf("%.0f", v)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// fixed writes a number with so many decimals; "-" where there is none.
func fixed(v float64, decimals int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return fmt.Sprintf("%.*f", decimals, v)
}

// marks enclose what a mode writes into a document.
type marks struct{ begin, end string }

var (
	benchMarks = marks{"<!-- bench: begin, written by make bench-docs -->", "<!-- bench: end -->"}
	apiMarks   = marks{"<!-- bench api: begin, written by make bench-api-docs -->", "<!-- bench api: end -->"}
)

// rewrite puts text between the marks of a file.
func rewrite(file string, m marks, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	updated, err := m.replace(string(old), text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(updated), 0o600) // an existing file keeps its own mode
}

func (m marks) replace(old, text string) (string, error) {
	before, rest, begun := strings.Cut(old, m.begin)
	_, after, ended := strings.Cut(rest, m.end)
	if !begun || !ended {
		return "", fmt.Errorf("the marks %q and %q are missing", m.begin, m.end)
	}
	return before + m.begin + "\n\n" + strings.TrimSpace(text) + "\n\n" + m.end + after, nil
}
