package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
)

// Whatever others wrote (errors of tasks, IDs, dead letters, answers of AWS) can hold what a terminal obeys: colours, a
// new title, text that reads backwards. All that the commands write goes through a plain writer, which shows such
// characters instead of sending them.

// plain is a writer that leaves no control character but line breaks and tabs, which are the layout.
type plain struct {
	w io.Writer
	// json means that it is given JSON, in whose strings a character is escaped as \u and four digits.
	json bool
}

// Write implements [io.Writer]. A character must not be split between two calls: its parts would be shown as bytes.
func (p plain) Write(b []byte) (int, error) {
	text, n := b, len(b)
	if !harmless(string(b)) {
		text = []byte(escape(string(b), p.json))
	}
	if _, err := p.w.Write(text); err != nil {
		return 0, err
	}
	return n, nil
}

// commanding reports whether a character is a command rather than text: C0, DEL and C1, what changes the direction of
// writing (UAX #9), and the separators of lines.
func commanding(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r <= 0x9f:
		return true
	case r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}

func harmless(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return commanding(r) && r != '\n' && r != '\t'
	})
}

// escape shows what is not harmless as Go writes it in a string: \x1b, \u202e, and \xff for what is no UTF-8.
func escape(text string, inJSON bool) string {
	var out strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1 && inJSON:
			out.WriteString(`\ufffd`)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, text[0])
		case !commanding(r) || r == '\n' || r == '\t':
			out.WriteString(text[:size])
		case inJSON:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		text = text[size:]
	}
	return out.String()
}

// line shows a text on one line, also where it has line breaks and tabs, with which it could pretend to be more than
// one field.
func line(text string) string {
	if harmless(text) && !strings.ContainsAny(text, "\n\t") {
		return text
	}
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(escape(text, false))
}

// A passage is a text of several lines, such as an error with its stack. Its lines are set off, so that none can
// pretend to be another field.
type passage string

const indent = "          "

func (p passage) String() string {
	text := strings.TrimRight(string(p), "\n")
	return strings.NewReplacer("\n", "\n"+indent, "\t", "    ").Replace(escape(text, false))
}

// A code is a command to the terminal by the program itself.
type code string

// printf is fmt.Fprintf with each argument on one line, but for passages and codes.
func printf(w io.Writer, format string, args ...any) error {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case code:
			safe[i] = string(arg)
		case passage:
			safe[i] = arg.String()
		default:
			safe[i] = oneLined{arg}
		}
	}
	_, err := fmt.Fprintf(w, format, safe...)
	return err
}

// oneLined formats as its value does, on one line.
type oneLined struct{ value any }

// Format implements [fmt.Formatter].
func (o oneLined) Format(s fmt.State, verb rune) {
	_, _ = io.WriteString(s, line(fmt.Sprintf(fmt.FormatString(s, verb), o.value)))
}

// compact writes JSON of others without white space between its parts.
func compact(value json.RawMessage) string {
	var text bytes.Buffer
	if json.Compact(&text, value) != nil {
		return string(value) // what the store has is no JSON
	}
	return text.String()
}

// beneath returns what a plain writer writes to.
func beneath(w io.Writer) io.Writer {
	if p, ok := w.(plain); ok {
		return p.w
	}
	return w
}

// terminal returns the terminal that w writes to, if it is one.
func terminal(w io.Writer) (*os.File, bool) {
	f, ok := beneath(w).(*os.File)
	return f, ok && isatty.IsTerminal(f.Fd())
}
