// Package guard calls code of a program's author, such as an unmarshaller or an error's own method, so that a panic
// in it ends neither the goroutine of whoever calls it nor the process.
//
// What no guard can hold is said in the guide: a stack overflow, a fatal error of the runtime, a panic in a goroutine
// that the code itself starts.
package guard

import (
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strconv"
)

// A Panic is what a call did instead of returning.
type Panic struct {
	// Value is the panic's, or a text where the call ended its goroutine by runtime.Goexit.
	Value any
	// Text says in words what Value is. It was taken once, with the same care.
	Text  string
	Stack []byte
}

func (p *Panic) Error() string { return "panic: " + p.Text }

// Goexit is the value of a Panic where a call ended its goroutine without one.
const Goexit = "it ended its goroutine by runtime.Goexit"

// Call calls f and returns its panic, or nil. It allocates nothing unless f panics. runtime.Goexit passes through it.
func Call(f func()) (panicked *Panic) {
	returned := false
	defer func() {
		if returned {
			return
		}
		// Inside Goexit there is nothing to recover from, and the goroutine ends whatever is done here.
		if value := recover(); value != nil {
			panicked = &Panic{Value: value, Text: Text(value), Stack: debug.Stack()}
		}
	}()
	f()
	returned = true
	return nil
}

// Try calls f and returns its error, or its panic. The error's own methods were called once before: one that panics
// when it is asked what it says, or what it wraps, is replaced by that panic, and one without an end by its text.
func Try(f func() error) (err error) {
	panicked := Call(func() {
		if err = f(); err == nil {
			return
		}
		text := err.Error()
		if _ = Is(err, errNone); !Walk(err, func(error) bool { return true }) {
			err = errors.New(text)
		}
	})
	if panicked != nil {
		return panicked
	}
	return err
}

// errNone matches no error. Whether an error is errNone is asked to call its methods.
var errNone = errors.New("none")

// Isolated is Call in a goroutine of its own, so that it holds runtime.Goexit too. It waits for f to end.
func Isolated(f func()) *Panic {
	ended := make(chan *Panic, 1)
	go func() {
		panicked := &Panic{Value: Goexit, Text: Goexit}
		defer func() { ended <- panicked }()
		panicked = Call(f)
	}()
	return <-ended
}

// Text says what a panic's value is. Values that are made of others are named by their type alone: fmt would follow a
// map that contains itself until the stack overflows, which ends the process.
func Text(value any) (s string) {
	if Call(func() { s = own(value) }) != nil {
		return fmt.Sprintf("a %T whose own text panics", value)
	}
	return s
}

func own(value any) string {
	switch v := value.(type) {
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	}
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.FormatUint(v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	default:
		return fmt.Sprintf("a value of type %T", value)
	}
}
