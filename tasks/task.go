package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// A Task is a function that runs in the background, with its name and its rules. P is its parameters, R its result;
// both travel as JSON. Make one with [Define].
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
	// defined is false for a nil pointer, and for a task that Define did not make.
	defined() bool
}

// AnyTask is a task without its types: what tools that work by name (a command line, an HTTP API) need of it.
type AnyTask interface {
	Definition
	// Info returns what the task was defined with.
	Info() Info
	// DelayJSON enqueues the task with parameters given as JSON, which travel as they were given, to the byte. They are
	// checked before; unlike a worker, which ignores members that it does not know, it refuses them too: here they are a
	// mistake of whoever typed them. Each thing that is wrong is a [*ParamsError]; several are joined.
	DelayJSON(ctx context.Context, to Sender, params []byte, opts ...DelayOption) (Job, error)
}

func (t *Task[P, R]) defined() bool { return t != nil && t.definition != nil }

// definition is the part of a task that does not depend on its types.
type definition struct {
	info     Info
	problems []error
	types    types
	// What every run needs and none changes: its goroutine's labels, and the causes of its context's end.
	labels                context.Context
	timedOut, heldTooLong *TimeoutError
	// bind reads parameters, which must be valid JSON, and returns the call of the function with them.
	bind func(params json.RawMessage) (call, error)
	// check reads parameters that a person typed; unknown members are errors.
	check func(params []byte) error
}

// A call is a task's function with its parameters.
type call interface {
	// invoke calls the function.
	invoke(ctx context.Context) (any, error)
	// encode writes what the function has returned.
	encode() (json.RawMessage, error)
}

type boundCall[P, R any] struct {
	def    *definition
	fn     func(context.Context, P) (R, error)
	params P
	result R
}

func (c *boundCall[P, R]) invoke(ctx context.Context) (_ any, err error) {
	c.result, err = c.fn(ctx, c.params)
	return c.result, err
}

func (c *boundCall[P, R]) encode() (json.RawMessage, error) {
	return encodeValue(c.def.types.of(c.def).result, &c.result)
}

func (d *definition) defined() bool { return d != nil }

func (d *definition) refuse(format string, args ...any) {
	d.problems = append(d.problems, &DefinitionError{Task: d.info.Name, Problem: fmt.Sprintf(format, args...)})
}

var taskName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// Define makes a task of a function. Name it as "area.action"; jobs carry the name, so renaming a task orphans those
// that wait.
//
// Parameters and result travel as JSON, by the rules of encoding/json. A definition that can't work is reported by
// [Registry.Err] when the program starts, not here, so that a package variable never panics: an invalid name, an
// option out of range, a type that does not survive the way through JSON and back. To find that out, the zero values
// of both types are encoded and decoded once.
func Define[P, R any](name string, fn func(context.Context, P) (R, error), opts ...Option) *Task[P, R] {
	return &Task[P, R]{definition: newDefinition(name, fn, func(d *definition) {
		for _, opt := range opts {
			if opt == nil {
				d.refuse("an option is nil")
				continue
			}
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
	d.checkInfo(fn == nil)
	d.labels = goroutineLabels(name)
	d.timedOut = &TimeoutError{Task: name, Limit: d.info.Timeout}
	d.heldTooLong = &TimeoutError{Task: name}
	d.bind = func(params json.RawMessage) (call, error) {
		c := &boundCall[P, R]{def: d, fn: fn}
		if err := d.read(params, &c.params, lenient); err != nil {
			return nil, err
		}
		return c, nil
	}
	d.check = func(params []byte) error { return d.read(params, new(P), strict) }
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

func (d *definition) checkInfo(noFunction bool) {
	if !taskName.MatchString(d.info.Name) {
		d.refuse("the name is invalid: use 1 to 128 letters, digits, '_', '-' or '.', beginning with a letter or digit")
	}
	if noFunction {
		d.refuse("the function is nil")
	}
	if problem := checkQueueName(d.info.Queue); problem != "" {
		d.refuse("queue %q %s", d.info.Queue, problem)
	}
}

// Info returns what the task was defined with.
func (d *definition) Info() Info { return d.info }

// Name returns the task's name.
func (d *definition) Name() string { return d.info.Name }

func listOf(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
