package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// A Difference is a setting in which two manifests differ.
type Difference struct {
	// Path is the setting, such as queues.default.max_receive_count, or the whole thing where one manifest lacks it,
	// such as tasks.mail.send.
	Path string `json:"path"`
	// Old and New are its values as JSON; empty where that manifest lacks the setting.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

func (d Difference) String() string {
	switch {
	case d.Old == "":
		return fmt.Sprintf("+ %s", d.Path)
	case d.New == "":
		return fmt.Sprintf("- %s", d.Path)
	}
	return fmt.Sprintf("~ %s: %s -> %s", d.Path, d.Old, d.New)
}

// Diff returns what has changed from the old manifest to the new, in a stable order. Two manifests without a difference are the same to
// every reader.
func Diff(old, new Manifest) []Difference {
	var found []Difference
	diffNamed(&found, "queues", old.Queues, new.Queues, func(q Queue) string { return q.Name })
	diffNamed(&found, "tasks", old.Tasks, new.Tasks, func(t Task) string { return t.Name })
	diffNamed(&found, "schedules", old.Schedules, new.Schedules, func(s Schedule) string { return s.Name })
	return found
}

func diffNamed[T any](found *[]Difference, list string, old, new []T, name func(T) string) {
	type pair struct{ old, new map[string]string }
	pairs := map[string]*pair{}
	at := func(item T) *pair {
		if pairs[name(item)] == nil {
			pairs[name(item)] = &pair{}
		}
		return pairs[name(item)]
	}
	for _, item := range old {
		at(item).old = members(item)
	}
	for _, item := range new {
		at(item).new = members(item)
	}
	for _, n := range slices.Sorted(maps.Keys(pairs)) {
		p, path := pairs[n], list+"."+n
		switch {
		case p.old == nil:
			*found = append(*found, Difference{Path: path, New: "present"})
			continue
		case p.new == nil:
			*found = append(*found, Difference{Path: path, Old: "present"})
			continue
		}
		all := maps.Clone(p.old)
		maps.Copy(all, p.new)
		for _, member := range slices.Sorted(maps.Keys(all)) {
			if p.old[member] != p.new[member] {
				*found = append(*found, Difference{Path: path + "." + member, Old: orNull(p.old[member]), New: orNull(p.new[member])})
			}
		}
	}
}

// members returns the members of a thing as JSON has them.
func members(thing any) map[string]string {
	data, err := json.Marshal(thing)
	var raw map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(data, &raw)
	}
	if err != nil {
		panic(fmt.Sprintf("manifest: %s can't be JSON: %v", reflect.TypeOf(thing), err)) // its types are all in this package
	}
	all := map[string]string{}
	for name, value := range raw {
		var text string
		if err := json.Unmarshal(value, &text); err == nil {
			all[name] = text // without the quotes, and without what JSON escapes
			continue
		}
		all[name] = string(value)
	}
	return all
}

func orNull(value string) string {
	if value == "" {
		return "none"
	}
	return value
}
