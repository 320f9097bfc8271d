package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/coretasks/core/internal/guard"
	"github.com/coretasks/core/internal/jsontype"
)

// types is what JSON the parameters and the result of a task are. It is found out when it is first needed: to ask a
// type runs its own code, which while a package is initialized could find nothing initialized.
type types struct {
	once           sync.Once
	params, result *jsontype.Description
	problems       []error
}

func (t *types) of(d *definition) *types {
	t.once.Do(func() {
		describe := func(of reflect.Type, place string) *jsontype.Description {
			json := jsontype.Of(of, place)
			problems := json.Problems
			if len(problems) == 0 {
				problems = json.Probe(place)
			}
			for _, p := range problems {
				e := &DefinitionError{Task: d.info.Name, Problem: p.Place + " " + p.Text}
				if p.Err != nil {
					e.Err = told(p.Err)
				}
				t.problems = append(t.problems, e)
			}
			return json
		}
		t.params = describe(d.info.Params, "Params")
		t.result = describe(d.info.Result, "Result")
	})
	return t
}

// wrong returns all that is wrong with the definition.
func (d *definition) wrong() []error {
	return append(d.problems[:len(d.problems):len(d.problems)], d.types.of(d).problems...)
}

// strictness is how parameters are read.
type strictness bool

const (
	// lenient ignores members that the parameters' type does not have: their producer may have been deployed before.
	lenient strictness = false
	// strict refuses them: they are a mistake of whoever typed them. It also tells what the type's own code says of a
	// value, which may repeat the value: whoever has typed it may read it, and whoever reads logs may not.
	strict strictness = true
)

// read reads parameters into what pointer points to. It is the one place that does. The errors are [*ParamsError]s,
// or the [*DefinitionError] of a type that can't be used.
func (d *definition) read(params []byte, pointer any, how strictness) error {
	if how == strict { // else they were part of an envelope, which was JSON
		if err := checkSyntax(d.info.Name, params); err != nil {
			return err
		}
	}
	of := d.types.of(d).params
	if len(d.types.problems) > 0 {
		return d.types.problems[0]
	}
	if problems := of.Validate(params, bool(how)); len(problems) > 0 {
		errs := make([]error, len(problems))
		for i, p := range problems {
			errs[i] = &ParamsError{Task: d.info.Name, Field: p.Place, Problem: problemText(p)}
		}
		if how == lenient || len(errs) == 1 {
			return errs[0]
		}
		return errors.Join(errs...)
	}
	err := of.Decode(params, pointer)
	if err == nil {
		return nil
	}
	e := &ParamsError{Task: d.info.Name, Problem: "can't be read"}
	if p := of.Blame(params); p != nil {
		e.Field, e.Problem, err = p.Place, p.Text, p.Err
	}
	e.Err = told(err)
	if how == strict {
		e.Problem += " (" + e.Err.Error() + ")"
	} else if _, panicked := e.Err.(*PanicError); panicked { //nolint:errorlint // told made it
		e.Problem += ", whose code panics"
	}
	return e
}

func problemText(p jsontype.Problem) string {
	switch {
	case !p.Unknown:
		return p.Text
	case strings.Contains(p.Place, "."): // inside of a parameter
		return "is unknown; there are " + listOf(p.Known)
	}
	return "is not a parameter of this task; it has " + listOf(p.Known)
}

// checkSyntax refuses what is not one JSON value in UTF-8.
func checkSyntax(task string, params []byte) error {
	if json.Valid(params) && utf8.Valid(params) {
		return nil
	}
	e := &ParamsError{Task: task}
	switch err := json.Unmarshal(params, new(json.RawMessage)); {
	case bytes.HasPrefix(params, []byte(byteOrderMark)):
		e.Problem = "the text begins with a byte order mark (U+FEFF), which JSON does not allow"
	case !utf8.Valid(params):
		e.Problem = "the text is not valid UTF-8"
	case strings.HasSuffix(err.Error(), "after top-level value"):
		e.Problem = "there is more text behind the JSON value"
	case strings.HasSuffix(err.Error(), "end of JSON input"):
		e.Problem = "not valid JSON: it ends too early"
	default:
		e.Problem = "not valid JSON: " + syntaxProblem(err)
	}
	return e
}

// byteOrderMark is what some editors put before a text.
const byteOrderMark = "\uFEFF"

// syntaxProblem says what encoding/json does not understand, and where.
func syntaxProblem(err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("%v at byte %d", syntax, syntax.Offset)
	}
	return err.Error()
}

// encodeValue writes what pointer points to. A panic of the value's own code is a [*PanicError].
func encodeValue(of *jsontype.Description, pointer any) (json.RawMessage, error) {
	text, err := of.Encode(pointer)
	if p, ok := err.(*guard.Panic); ok { //nolint:errorlint // nothing wraps it
		return nil, newPanicError(p)
	}
	return text, err
}

// DecodeParams reads parameters as a worker does, for tests and for whoever looks at a dead letter. The error is a
// [*ParamsError], or the [*DefinitionError] of a task that can't be used.
func (t *Task[P, R]) DecodeParams(params []byte) (P, error) {
	var p P
	if err := checkSyntax(t.info.Name, params); err != nil {
		return p, err
	}
	return p, t.read(params, &p, lenient)
}

// SampleParams returns a task's parameters as JSON with every field at its zero value, for people to fill in.
func SampleParams(t AnyTask) ([]byte, error) {
	of := t.Info().Params
	return encodeValue(jsontype.Of(of, "Params"), reflect.New(of).Interface())
}
