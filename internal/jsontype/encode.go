package jsontype

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"

	"github.com/coretasks/core/internal/guard"
)

// ErrTooDeep says that a value contains itself, or is nested so deep that what is written could not be read.
var ErrTooDeep = errors.New("it contains itself, or is nested deeper than the 10,000 levels that JSON is read to")

const (
	// maxDepth is how deep encoding/json reads.
	maxDepth = 10_000
	// maxSteps is how far a value is followed. encoding/json follows pointers without a limit, until the stack overflows,
	// which ends the process.
	maxSteps = 10 * maxDepth
)

// Encode writes the value that pointer points to, without the escapes that only HTML needs. It refuses what could not
// be read back: text that is not UTF-8 ([*TextError]), too deep a nesting ([ErrTooDeep]). A panic of the value's own
// code is an error, a [*guard.Panic].
func (d *Description) Encode(pointer any) ([]byte, error) {
	if d.Deep && tooDeep(reflect.ValueOf(pointer), maxSteps) {
		return nil, ErrTooDeep
	}
	do := encode
	if d.Writes {
		do = encodeIsolated
	}
	text, err := do(pointer)
	switch {
	case err != nil:
		return nil, err
	case d.Deep && len(text) > 2*maxDepth && !json.Valid(text):
		return nil, ErrTooDeep
	}
	if err := checkText(text, pointer); err != nil {
		return nil, err
	}
	return text, nil
}

func encodeIsolated(pointer any) (text []byte, err error) {
	if panicked := guard.Isolated(func() { text, err = encode(pointer) }); panicked != nil {
		return nil, panicked
	}
	return text, err
}

func encode(pointer any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(pointer); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// Decode reads valid JSON that passed [Description.Validate] into the value that pointer points to. A panic of the
// value's own code is an error, a [*guard.Panic].
func (d *Description) Decode(text []byte, pointer any) error {
	if d.Reads {
		return decodeIsolated(text, pointer)
	}
	return json.Unmarshal(text, pointer)
}

func decodeIsolated(text []byte, pointer any) (err error) {
	if panicked := guard.Isolated(func() { err = json.Unmarshal(text, pointer) }); panicked != nil {
		return panicked
	}
	return err
}

// tooDeep reports whether following what is written of a value takes more steps than are left.
func tooDeep(v reflect.Value, left int) bool {
	if left == 0 {
		return true
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && !writesItself(v.Type()) && tooDeep(v.Elem(), left-1)
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len() && !isPlain(v.Type().Elem()); i++ {
			if tooDeep(v.Index(i), left-1) {
				return true
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); !isPlain(v.Type().Elem()) && entries.Next(); {
			if tooDeep(entries.Value(), left-1) {
				return true
			}
		}
	case reflect.Struct:
		return fieldsTooDeep(v, left)
	}
	return false
}

func fieldsTooDeep(v reflect.Value, left int) bool {
	if writesItself(v.Type()) {
		return false
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		written := field.Tag.Get("json") != "-" && (field.IsExported() || field.Anonymous)
		if written && !isPlain(field.Type) && tooDeep(v.Field(i), left-1) {
			return true
		}
	}
	return false
}

// isPlain reports whether values of a type contain no others.
func isPlain(t reflect.Type) bool {
	kind := t.Kind()
	return kind <= reflect.Complex128 || kind == reflect.String
}
