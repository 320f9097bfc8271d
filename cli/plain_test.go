package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/deadletters"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// hostile is text as somebody may write it who wants a terminal to obey.
var hostile = []string{
	"boom \x1b[31mred\x1b]0;title\x07", "\x9b31mC1 as a byte", "C1 \u009b31m", "\x7f\b\b\b\bback", "one\r\x1b[2Ktwo",
	"two\nlines\n\nstate     succeeded", "\ttabs\tin\tcells", "\u202etxt.exe\u202c", "\u2066isolated\u2069",
	"\u200e\u200f\u061c", "lines\u2028and\u2029paragraphs", "next\u0085line",
	"\xff\xfe\xc2", "half a rune \xe2\x80", "\x00", "plain", "accents é, emoji 👩‍🚀, 漢字", `a backslash \x1b`, "",
}

// A saying is a way in which a command writes what others wrote.
type saying struct {
	name string
	// say writes a text, data is what --output json writes of it.
	say  func(p *program, text string) error
	data func(text string) any
	// rows is how many lines there are, whatever the text; 0 is any number.
	rows int
}

func sayings() []saying {
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	record := func(text string) tasks.Record {
		result, err := json.Marshal(text)
		if err != nil {
			panic(err)
		}
		return tasks.Record{
			ID: text, Task: text, Queue: text, State: tasks.State(text), Attempt: 1, EnqueuedAt: at, UpdatedAt: at,
			Progress: 0.5, ProgressText: text, Reason: text, Error: text, Result: result,
		}
	}
	page := func(text string) results.Page {
		running := tasks.Record{Progress: 0.5, State: tasks.Running, ProgressText: text}
		return results.Page{Records: []tasks.Record{record(text), running}, Next: "c" + text}
	}
	letter := func(text string) deadletters.Letter {
		return deadletters.Letter{
			MessageID: text, JobID: text, Task: text, Reason: tasks.Reason(text), Error: text, Malformed: text, Body: text,
			FailedAt: at, SentAt: at,
		}
	}
	listing := func(text string) deadletters.Listing {
		return deadletters.Listing{
			Queue: text, Total: 2, Letters: []deadletters.Letter{letter(text), {MessageID: text, Malformed: text}},
			Counts: []deadletters.Count{{Reason: tasks.Reason(text), Task: text, Letters: 2, Oldest: at, Newest: at}},
		}
	}
	report := func(text string) deadletters.Report {
		return deadletters.Report{Refused: 1, Refusals: []deadletters.Refusal{{ID: text, Why: text}}}
	}
	findings := func(text string) []finding { return []finding{{Check: text, Detail: text, Mend: "m" + text}} }
	plan := func(text string) *schedules.Plan {
		field := []schedules.Field{{Name: text, Have: text, Want: strings.Repeat(text, 50)}}
		return &schedules.Plan{Group: text, CreateGroup: true, Changes: []schedules.Change{
			{Action: schedules.Create, Schedule: text, Fields: field}, {Action: schedules.Update, Schedule: text, Fields: field},
			{Action: schedules.Delete, Schedule: text},
		}}
	}
	aws := func(text string) error {
		return &sqsqueue.Error{Op: "find", Queue: text, Err: fmt.Errorf("%w: %s", sqsqueue.ErrDenied, text)}
	}
	return []saying{
		{"jobs get", func(p *program, text string) error {
			return p.printRecord(record(text))
		}, func(text string) any { return record(text) }, 0},
		{"enqueue --wait", func(p *program, text string) error { return p.printResult(record(text)) }, nil, 1},
		{"jobs list", func(p *program, text string) error {
			return p.print(page(text), func(w io.Writer) error { return printPage(w, page(text)) })
		}, func(text string) any { return page(text) }, 4},
		{"dlq list", func(p *program, text string) error {
			return p.print(listing(text), func(w io.Writer) error { return printLetters(w, listing(text)) })
		}, func(text string) any { return listing(text) }, 8},
		{"dlq show", func(p *program, text string) error {
			return p.print(letter(text), func(w io.Writer) error { return printLetter(w, letter(text)) })
		}, func(text string) any { return letter(text) }, 0},
		{"dlq redrive", func(p *program, text string) error {
			return p.print(report(text), func(w io.Writer) error { return printReport(w, text, report(text)) })
		}, func(text string) any { return report(text) }, 3},
		{"doctor", func(p *program, text string) error {
			return p.print(findings(text), func(w io.Writer) error { return printFindings(w, findings(text)) })
		}, func(text string) any { return findings(text) }, 2},
		{"schedules plan", func(p *program, text string) error {
			return p.print(plan(text), func(w io.Writer) error {
				return printPlan(w, plan(text), p.colours(), plannedWords)
			})
		}, func(text string) any { return plan(text) }, 7},
		{"a table", func(p *program, text string) error { return table(p.stderr, "A\tB", []any{text, text}) }, nil, 2},
		{
			"a sentence",
			func(p *program, text string) error { p.say("%s, %v and %q", text, aws(text), text); return nil },
			nil,
			1,
		},
		{"an error", func(p *program, text string) error { p.complain(aws(text)); return nil }, nil, 1},
		{"joined errors", func(p *program, text string) error {
			p.complain(errors.Join(errors.New(text), fmt.Errorf("other: %w", aws(text))))
			return nil
		}, nil, 1},
		{"a line of progress", func(p *program, text string) error {
			p.newProgress().record(record("s" + text))
			return nil
		}, nil, 1},
		{"the log", func(p *program, text string) error {
			p.logger().Info(text, "error", aws(text), "text", text, "bytes", []byte(text), text, 1)
			return nil
		}, nil, 1},
		{"the command to try", func(p *program, text string) error {
			p.name = text
			p.say("See '%s --help'.", p.name)
			return nil
		}, nil, 1},
		{"wrong usage", func(p *program, text string) error {
			root := p.root()
			root.SetOut(p.stdout)
			root.SetErr(p.stderr)
			root.SetArgs([]string{"jobs", "list", "--output=" + text, "--" + text})
			if err := root.Execute(); err != nil {
				p.complain(err)
			}
			return nil
		}, nil, 0}, // --help has many lines
	}
}

// check looks at what was written.
func (s saying) check(t *testing.T, text string) {
	t.Helper()
	for _, format := range []string{"text", "json"} {
		var stdout, stderr bytes.Buffer
		p := &program{registry: tasks.NewRegistry(), stdout: plain{w: &stdout}, stderr: plain{w: &stderr}}
		p.settings.output, p.settings.logFormat, p.settings.logLevel = format, format, "debug"
		if err := s.say(p, text); err != nil {
			t.Fatal(err)
		}
		out := stdout.String() + stderr.String()
		if i := strings.IndexFunc(out, func(r rune) bool { return commanding(r) && r != '\n' }); i >= 0 {
			t.Errorf("%s, %s of %q has a control character at %d: %q", s.name, format, text, i, out)
		}
		if !utf8.ValidString(out) {
			t.Errorf("%s, %s of %q is not UTF-8: %q", s.name, format, text, out)
		}
		if n := strings.Count(out, "\n"); s.rows > 0 && n != s.rows && format == "text" {
			t.Errorf("%s of %q has %d lines, not %d: %q", s.name, text, n, s.rows, out)
		}
		for l := range strings.Lines(out) {
			if strings.HasPrefix(l, "state     succeeded") && format == "text" && s.name == "jobs get" && text != "succeeded" {
				t.Errorf("%s of %q forges a field: %q", s.name, text, out)
			}
		}
		if format == "json" && s.data != nil {
			var got, want any
			plainly, err := json.Marshal(s.data(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(json.Unmarshal(stdout.Bytes(), &got), json.Unmarshal(plainly, &want)); err != nil {
				t.Fatalf("%s of %q: %v in %q", s.name, text, err, out)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s of %q is %v, not %v", s.name, text, got, want)
			}
		}
	}
}

func TestWhatOthersWroteIsShownPlainly(t *testing.T) {
	t.Parallel()
	for _, s := range sayings() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, text := range hostile {
				s.check(t, text)
			}
		})
	}
}

func FuzzOutput(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	all := sayings()
	f.Fuzz(func(t *testing.T, text string) {
		if strings.HasPrefix(text, "=") { // the flag's own form
			return
		}
		for _, s := range all {
			s.check(t, text)
		}
	})
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ text, line, json string }{
		"plain é 👩‍🚀\n\tok": {"plain é 👩‍🚀\n\tok", `plain é 👩‍🚀\n\tok`, "plain é 👩‍🚀\n\tok"},
		"\x1b[31m\x07":      {`\x1b[31m\a`, `\x1b[31m\a`, `\u001b[31m\u0007`},
		"\r\x7f":            {`\r\x7f`, `\r\x7f`, `\u000d\u007f`},
		"\u009b\u0085":      {`\u009b\u0085`, `\u009b\u0085`, `\u009b\u0085`},
		"\u202e\u2028":      {`\u202e\u2028`, `\u202e\u2028`, `\u202e\u2028`},
		"\xff":              {`\xff`, `\xff`, `\ufffd`},
		"\ufffd":            {"\ufffd", "\ufffd", "\ufffd"},
	} {
		for how, pair := range map[string][2]string{
			"text": {written(t, text, false), want.text}, "JSON": {written(t, text, true), want.json},
			"one line": {line(text), want.line},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%q as %s is %q, want %q", text, how, pair[0], pair[1])
			}
		}
	}
}

func written(t *testing.T, text string, inJSON bool) string {
	t.Helper()
	var out bytes.Buffer
	if n, err := (plain{w: &out, json: inJSON}).Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	return out.String()
}

// What a task returned stays JSON, and the same value.
func TestResultsStayJSON(t *testing.T) {
	t.Parallel()
	for _, result := range []string{`"\u001b[31m\u007f"`, "\"\u009b31m \u202e \x7f\"", "{ \"a\":\r\n\t1 }", `"<&>"`} {
		var stdout bytes.Buffer
		p := &program{stdout: plain{w: &stdout}}
		if err := p.printResult(tasks.Record{Result: json.RawMessage(result)}); err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := errors.Join(json.Unmarshal(stdout.Bytes(), &got), json.Unmarshal([]byte(result), &want)); err != nil {
			t.Fatalf("%s became %q: %v", result, stdout.String(), err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q became %q", result, stdout.String())
		}
	}
}

// The program's own codes reach a terminal.
func TestColoursAreTheProgramsOwn(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := colours{green: "\x1b[32m", yellow: "\x1b[33m", red: "\x1b[31m", end: "\x1b[0m"}
	plan := &schedules.Plan{Group: "g", Changes: []schedules.Change{{Action: schedules.Create, Schedule: "s\x1b[31m"}}}
	if err := printPlan(plain{w: &out}, plan, c, plannedWords); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "\x1b[32m+\x1b[0m s\\x1b[31m\n") {
		t.Errorf("the plan is %q", got)
	}
}

// Completion scripts are not changed on their way.
func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		var direct, through bytes.Buffer
		for _, w := range []io.Writer{&direct, plain{w: &through}} {
			p := &program{registry: tasks.NewRegistry(), stdout: w, stderr: io.Discard}
			root := p.root()
			root.SetOut(w)
			root.PersistentPreRunE = func(*cobra.Command, []string) error { return nil }
			root.SetArgs([]string{"completion", shell})
			if err := root.Execute(); err != nil {
				t.Fatal(err)
			}
		}
		if direct.Len() == 0 || !bytes.Equal(direct.Bytes(), through.Bytes()) {
			t.Errorf("%s: the script has %d bytes and became %d", shell, direct.Len(), through.Len())
		}
	}
}
