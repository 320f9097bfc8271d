package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A VersionError says that a manifest was written by a program of another format.
type VersionError struct{ Version int }

func (e *VersionError) Error() string {
	if e.Version > Version {
		return fmt.Sprintf("the manifest has version %d, and this program reads version %d: use a newer one, or write the manifest anew with this one", e.Version, Version)
	}
	return fmt.Sprintf("the manifest has version %d, and this program reads version %d: write it anew with 'core manifest'", e.Version, Version)
}

// A ReadError says what of a manifest can't be read.
type ReadError struct {
	// Field is the place, such as tasks[3].queue, or empty for the whole.
	Field   string
	Problem string
	// Err is what encoding/json said, or nil.
	Err error
}

func (e *ReadError) Error() string {
	if e.Field == "" {
		return "not a manifest: " + e.Problem
	}
	return fmt.Sprintf("not a manifest: %s %s", e.Field, e.Problem)
}

func (e *ReadError) Unwrap() error { return e.Err }

// Decode reads a manifest: a [*VersionError] where it has another version, a [*ReadError] where it is none. Members that
// it does not know are ignored.
func Decode(data []byte) (Manifest, error) {
	var head struct{ Version *int }
	if err := decodeJSON(data, &head); err != nil {
		return Manifest{}, err
	}
	switch {
	case head.Version == nil:
		return Manifest{}, &ReadError{Field: "version", Problem: "is missing"}
	case *head.Version != Version:
		return Manifest{}, &VersionError{Version: *head.Version}
	}
	var m Manifest
	if err := decodeJSON(data, &m); err != nil {
		return Manifest{}, err
	}
	return m, m.check()
}

func decodeJSON(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(into)
	if err == nil {
		if _, end := dec.Token(); !errors.Is(end, io.EOF) {
			return &ReadError{Problem: "there is more text behind the JSON object"}
		}
		return nil
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &ReadError{Field: e.Field, Problem: "can't be a JSON " + e.Value, Err: err}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &ReadError{Problem: "it is empty or ends too early", Err: err}
	}
	return &ReadError{Problem: err.Error(), Err: err}
}

// check refuses what would be read differently by different readers: names that are missing or double, and references
// to nothing.
func (m Manifest) check() error {
	queues, err := names("queues", m.Queues, func(q Queue) string { return q.Name })
	if err != nil {
		return err
	}
	all, err := names("tasks", m.Tasks, func(t Task) string { return t.Name })
	if err != nil {
		return err
	}
	if _, err := names("schedules", m.Schedules, func(s Schedule) string { return s.Name }); err != nil {
		return err
	}
	for i, t := range m.Tasks {
		if !queues[t.Queue] {
			return &ReadError{Field: fmt.Sprintf("tasks[%d].queue", i), Problem: fmt.Sprintf("is %q, which is no queue of it", t.Queue)}
		}
	}
	for i, s := range m.Schedules {
		switch {
		case !queues[s.Queue]:
			return &ReadError{Field: fmt.Sprintf("schedules[%d].queue", i), Problem: fmt.Sprintf("is %q, which is no queue of it", s.Queue)}
		case !all[s.Task]:
			return &ReadError{Field: fmt.Sprintf("schedules[%d].task", i), Problem: fmt.Sprintf("is %q, which is no task of it", s.Task)}
		case s.Target != SendMessage && s.Target != SendMessageBatch:
			return &ReadError{Field: fmt.Sprintf("schedules[%d].target", i), Problem: fmt.Sprintf("is %q, neither %s nor %s", s.Target, SendMessage, SendMessageBatch)}
		}
	}
	return nil
}

func names[T any](list string, items []T, name func(T) string) (map[string]bool, error) {
	seen := map[string]bool{}
	for i, item := range items {
		n := name(item)
		switch {
		case n == "":
			return nil, &ReadError{Field: fmt.Sprintf("%s[%d].name", list, i), Problem: "is missing"}
		case seen[n]:
			return nil, &ReadError{Field: fmt.Sprintf("%s[%d].name", list, i), Problem: fmt.Sprintf("is %q, as another's", n)}
		}
		seen[n] = true
	}
	return seen, nil
}
