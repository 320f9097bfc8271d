package tasks

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coretasks/core/internal/guard"
)

// maxErrorText bounds the text of an attempt's error in logs, records and dead letters, in bytes.
const maxErrorText = 8 << 10

// failure is what an attempt's error says, taken once where a panic is held: an error is code of the task's author too.
type failure struct {
	err  error
	text string
	class
}

// class is what decides a failed attempt's fate.
type class struct {
	permanent bool
	after     time.Duration // of RetryAfter
	hasAfter  bool
	panicked  *PanicError
	timedOut  bool // it is or wraps a TimeoutError

	decided bool // an Error was found
	left    *int // how many errors are still looked at
}

// failureOf takes an error's class and text. An error that panics meanwhile is a panic of the attempt.
func failureOf(err error) *failure {
	f := &failure{err: err}
	panicked := guard.Call(func() {
		f.class = examine(err)
		f.text = cut(err.Error())
	})
	if panicked == nil {
		return f
	}
	p := newPanicError(panicked)
	p.text += fmt.Sprintf(" (in the code of the error that the task returned, a %T)", err)
	return &failure{err: p, text: cut(p.Error()), class: class{panicked: p}}
}

// examine finds out what an error asks for.
func examine(err error) class {
	left := guard.MaxErrors // one that wraps itself has no end
	c := class{left: &left}
	c.look(err)
	return c
}

// look goes down the tree of an error: the outermost Error decides, and of errors that are joined all together.
func (c *class) look(err error) {
	if err == nil || *c.left == 0 {
		return
	}
	*c.left--
	var (
		own       *Error
		panicked  *PanicError
		isTimeout bool
	)
	switch x := err.(type) { //nolint:errorlint // this is the walk that errors.As would do
	case *Error:
		own = x
	case *PanicError:
		panicked = x
	case *TimeoutError:
		isTimeout = true
	case interface{ As(target any) bool }:
		_, _ = x.As(&own), x.As(&panicked)
		isTimeout = x.As(new(*TimeoutError))
	}
	if own != nil && !c.decided {
		c.decided, c.permanent, c.after, c.hasAfter = true, own.Permanent, own.After, own.HasAfter
	}
	if c.panicked == nil {
		c.panicked = panicked
	}
	c.timedOut = c.timedOut || isTimeout
	switch x := err.(type) { //nolint:errorlint // likewise
	case interface{ Unwrap() error }:
		c.look(x.Unwrap())
	case interface{ Unwrap() []error }:
		c.lookAtAll(x.Unwrap())
	}
}

// lookAtAll puts together what joined errors ask for.
func (c *class) lookAtAll(joined []error) {
	all := class{permanent: true, left: c.left}
	branches := 0
	for _, err := range joined {
		if err == nil {
			continue
		}
		branches++
		one := class{left: c.left}
		one.look(err)
		all.permanent = all.permanent && one.permanent
		all.decided = all.decided || one.decided
		if one.hasAfter {
			all.hasAfter, all.after = true, max(all.after, one.after)
		}
		if c.panicked == nil {
			c.panicked = one.panicked
		}
		c.timedOut = c.timedOut || one.timedOut
	}
	if !c.decided && all.decided && branches > 0 {
		c.decided, c.permanent, c.after, c.hasAfter = true, all.permanent, all.after, all.hasAfter
	}
}

// cut keeps a text to maxErrorText bytes of valid UTF-8.
func cut(text string) string {
	const mark = "…"
	if len(text) > maxErrorText {
		end := maxErrorText - len(mark)
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + mark
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// errorText is what an error says, taken in a goroutine of its own: not even runtime.Goexit in it harms the caller.
func errorText(err error) (text string) {
	if panicked := guard.Isolated(func() { text = failureOf(err).text }); panicked != nil {
		return panicked.Text
	}
	return text
}

// toldError is an error of a type's own code with its text, which was taken once.
type toldError struct {
	text string
	err  error
}

func told(err error) error {
	switch p := err.(type) { //nolint:errorlint // nothing wraps them
	case *guard.Panic:
		return newPanicError(p)
	case *PanicError:
		return p
	}
	return &toldError{text: errorText(err), err: err}
}

func (e *toldError) Error() string { return e.text }
func (e *toldError) Unwrap() error { return e.err }

// overdue is the failure of an attempt that its timeout ended and that returned an error of its own.
type overdue struct {
	timeout *TimeoutError
	failure *failure
}

func (e *overdue) Error() string   { return e.timeout.Error() + ": " + e.failure.text }
func (e *overdue) Unwrap() []error { return []error{e.timeout, e.failure.err} }
