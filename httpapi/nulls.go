package httpapi

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/coretasks/core/tasks"
)

// nulls finds the parameters that are null and must not be. encoding/json reads null as nothing, which would make a
// "user_id": null the user 0.
func (g *schemas) nulls(task string, s *schema, params []byte) []*tasks.ParamsError {
	if !bytes.Contains(params, []byte("null")) {
		return nil
	}
	var v any
	if json.Unmarshal(params, &v) != nil {
		return nil // the task itself says what is wrong with it
	}
	var found []*tasks.ParamsError
	g.walk(s, v, nil, func(path []string, of *schema) {
		if len(found) < maxFieldErrors {
			found = append(found, &tasks.ParamsError{Task: task, Field: strings.Join(path, "."), Problem: "must be " + of.words() + ", not a JSON null"})
		}
	})
	slices.SortFunc(found, func(a, b *tasks.ParamsError) int { return strings.Compare(a.Field, b.Field) })
	return found
}

// maxFieldErrors bounds an answer that lists what is wrong.
const maxFieldErrors = 20

func (g *schemas) walk(s *schema, v any, path []string, refuse func([]string, *schema)) {
	if s.AnyOf != nil {
		if v == nil {
			return
		}
		s = s.AnyOf[0]
	}
	if s.Ref != "" {
		s = g.components[strings.TrimPrefix(s.Ref, componentPath)]
	}
	switch v := v.(type) {
	case nil:
		if kind, strict := s.Type.(string); strict && kind != "null" {
			refuse(path, s)
		}
	case []any:
		if s.Items == nil {
			return
		}
		for i, item := range v {
			g.walk(s.Items, item, append(path, strconv.Itoa(i)), refuse)
		}
	case map[string]any:
		rest, _ := s.Additional.(*schema)
		for name, member := range v {
			of := s.Properties[name]
			if of == nil {
				of = rest
			}
			if of != nil {
				g.walk(of, member, append(path, name), refuse)
			}
		}
	}
}

// words names a schema's type as the tasks' own errors do.
func (s *schema) words() string {
	kind, _ := s.Type.(string)
	switch kind {
	case "boolean":
		return "true or false"
	case "integer":
		if s.Minimum == "0" {
			return "a whole number of 0 or more"
		}
		return "a whole number"
	case "array", "object":
		return "an " + kind
	default:
		return "a " + kind
	}
}
