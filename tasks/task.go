package tasks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// A Task is a function that runs in the background, with its name and its rules. P is its parameters, R its result; both
// travel as JSON. Make one with [Define].
type Task[P, R any] struct {
	*definition
}

// Info is what a task was defined with.
type Info struct {
	Name       string
	Queue      string
	MaxRetries int
	RetryDelay time.Duration
	// Timeout is the limit of one attempt; 0 is none.
	Timeout time.Duration
	// Params and Result are the Go types of the parameters and the result.
	Params reflect.Type
	Result reflect.Type
	// Schedule is when a periodic task runs, and nil for every other task.
	Schedule *Schedule
}

// A Definition is what a [Registry] is made of: a [*Task], a [*PeriodicTask] or [QueueSettings].
type Definition interface {
	register(*Registry)
}

// AnyTask is a task without its types: what tools that work by name (a command line, an HTTP API) need of it.
type AnyTask interface {
	Definition
	// Info returns what the task was defined with.
	Info() Info
	// DelayJSON enqueues the task with parameters given as JSON. Unlike a worker, which ignores fields that it does not
	// know, it refuses them with a [*ParamsError]: here they are a mistake of whoever typed them.
	DelayJSON(ctx context.Context, to Sender, params []byte, opts ...DelayOption) (Job, error)
}

// definition is the part of a task that does not depend on its types.
type definition struct {
	info     Info
	problems []error
	// What every run needs and none changes: its goroutine's labels, and the causes of its context's end.
	labels                context.Context
	timedOut, heldTooLong *TimeoutError
	// bind decodes parameters and returns the call of the function with them.
	bind func(params json.RawMessage) (call, error)
	// recode reads parameters strictly and writes them as the task itself would.
	recode func(params []byte) (json.RawMessage, error)
}

// A call is a task's function with its parameters.
type call interface {
	invoke(ctx context.Context) (any, error)
}

type boundCall[P, R any] struct {
	fn     func(context.Context, P) (R, error)
	params P
}

func (c *boundCall[P, R]) invoke(ctx context.Context) (any, error) { return c.fn(ctx, c.params) }

func (d *definition) refuse(format string, args ...any) {
	d.problems = append(d.problems, &DefinitionError{Task: d.info.Name, Problem: fmt.Sprintf(format, args...)})
}

var taskName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// Define makes a task of a function. Name it as "area.action"; jobs carry the name, so renaming a task orphans those that
// wait. A definition that can't work (an invalid name, parameters that can't be JSON, an option out of range) is
// reported by [Registry.Err] when the program starts, not here, so that a package variable never panics.
func Define[P, R any](name string, fn func(context.Context, P) (R, error), opts ...Option) *Task[P, R] {
	return &Task[P, R]{definition: newDefinition(name, fn, func(d *definition) {
		for _, opt := range opts {
			opt(d)
		}
	})}
}

// newDefinition makes the definition of a function; configure applies the options to it.
func newDefinition[P, R any](name string, fn func(context.Context, P) (R, error), configure func(*definition)) *definition {
	d := &definition{info: Info{
		Name:   name,
		Queue:  DefaultQueue,
		Params: reflect.TypeFor[P](),
		Result: reflect.TypeFor[R](),
	}}
	configure(d)
	d.check(fn == nil)
	d.labels = goroutineLabels(name)
	d.timedOut = &TimeoutError{Task: name, Limit: d.info.Timeout}
	d.heldTooLong = &TimeoutError{Task: name}
	d.bind = func(params json.RawMessage) (call, error) {
		c := &boundCall[P, R]{fn: fn}
		if err := json.Unmarshal(params, &c.params); err != nil {
			return nil, paramsError(d.info, err)
		}
		return c, nil
	}
	d.recode = func(params []byte) (json.RawMessage, error) {
		var p P
		if err := decodeStrictly(params, &p); err != nil {
			return nil, paramsError(d.info, err)
		}
		return marshal(p)
	}
	return d
}

// NoResult lets a function that only fails or not be defined as a task:
//
//	var SendMail = tasks.Define("mail.send", tasks.NoResult(sendMail))
func NoResult[P any](fn func(context.Context, P) error) func(context.Context, P) (struct{}, error) {
	if fn == nil {
		return nil
	}
	return func(ctx context.Context, p P) (struct{}, error) { return struct{}{}, fn(ctx, p) }
}

func (d *definition) check(noFunction bool) {
	if !taskName.MatchString(d.info.Name) {
		d.refuse("the name is invalid: use 1 to 128 letters, digits, '_', '-' or '.', beginning with a letter or digit")
	}
	if noFunction {
		d.refuse("the function is nil")
	}
	if problem := checkQueueName(d.info.Queue); problem != "" {
		d.refuse("queue %q %s", d.info.Queue, problem)
	}
	if problem := checkJSON(d.info.Params, "Params", map[reflect.Type]bool{}); problem != "" {
		d.refuse("%s", problem)
	}
	if problem := checkJSON(d.info.Result, "Result", map[reflect.Type]bool{}); problem != "" {
		d.refuse("%s", problem)
	}
}

// Info returns what the task was defined with.
func (d *definition) Info() Info { return d.info }

// Name returns the task's name.
func (d *definition) Name() string { return d.info.Name }

func decodeStrictly(params []byte, into any) error {
	if !utf8.Valid(params) {
		return errors.New("the text is not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(params))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more text behind the JSON value")
	}
	return nil
}

// paramsError turns what encoding/json says into the name of the field and what is wrong with it.
func paramsError(info Info, err error) error {
	e := &ParamsError{Task: info.Name}
	typeErr, isType := errors.AsType[*json.UnmarshalTypeError](err)
	syntaxErr, isSyntax := errors.AsType[*json.SyntaxError](err)
	switch {
	case isType:
		e.Field = typeErr.Field
		e.Problem = fmt.Sprintf("must be %s, not a JSON %s", jsonKind(typeErr.Type), typeErr.Value)
	case isSyntax:
		e.Problem = fmt.Sprintf("not valid JSON: %v at byte %d", syntaxErr, syntaxErr.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Problem = "not valid JSON: it ends too early"
	default:
		e.Problem = strings.TrimPrefix(err.Error(), "json: ")
		if name, ok := strings.CutPrefix(e.Problem, "unknown field "); ok {
			e.Field = strings.Trim(name, `"`)
			e.Problem = "is not a parameter of this task; it has " + listOf(fieldNames(info.Params))
		}
	}
	return e
}

func listOf(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
