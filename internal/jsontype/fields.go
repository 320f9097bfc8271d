package jsontype

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A Field is a member of a struct's JSON object.
type Field struct {
	// Name is the member's.
	Name string
	Type *Type
	// Quoted means that a number or a boolean is written inside a string, by the option ",string" of the json tag.
	Quoted bool
	// Optional means that the member can be left out when the struct is written (omitempty, omitzero).
	Optional bool
	// Go is the field itself.
	Go reflect.StructField
}

// fields is the members of a struct.
type fields struct {
	// Fields has them in the order in which they are written.
	Fields []Field

	byName map[string]int
	folded map[string]int // by the name without regard to letter case; the first of a name wins
}

// find returns the place of the field that a member goes to, as encoding/json has it: of exactly this name, else of
// this name without regard to letter case.
func (f *fields) find(name []byte) (place int, ok bool) {
	if place, ok = f.byName[string(name)]; ok {
		return place, true
	}
	place, ok = f.folded[fold(string(name))]
	return place, ok
}

// fold makes names equal that differ in letter case only.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}

// candidate is a field that may become a member. Several can want one name.
type candidate struct {
	Field
	tagged bool // the name is from its tag
	index  []int
	place  string
}

// level is a struct whose fields are looked at: the type itself, or one that it embeds.
type level struct {
	of    reflect.Type
	index []int
	place string
}

// members finds the members of a struct, by the rules of encoding/json: the fields of an embedded struct count as the
// outer one's, unless that has the name nearer by, or by a tag.
func (b *builder) members(of *Type, place string) {
	var (
		all             []*candidate
		hidden, exports bool
	)
	seen := map[reflect.Type]bool{}
	next := []level{{of: of.Go, place: place}}
	for times := map[reflect.Type]int{of.Go: 1}; len(next) > 0; {
		now, nowTimes := next, times
		next, times = nil, map[reflect.Type]int{}
		for _, l := range now {
			if seen[l.of] {
				continue
			}
			seen[l.of] = true
			found, embedded := b.own(l)
			for _, c := range found {
				all = append(all, c)
				if nowTimes[l.of] > 1 {
					all = append(all, c) // embedded twice: neither wins
				}
			}
			for _, inner := range embedded {
				if times[inner.of]++; times[inner.of] == 1 {
					next = append(next, inner)
				}
			}
			shown, hides := visible(l.of)
			exports, hidden = exports || shown, hidden || hides
			if l.of != of.Go && (writesItself(l.of) || readsItself(l.of)) && !writesItself(of.Go) {
				b.refuse(l.place, "is embedded, so that the own form of "+l.of.String()+
					" is not used, and its fields are written one by one; give the field a json tag")
			}
		}
	}
	b.settle(of, all, place)
	switch {
	case exports || !hidden || writesItself(of.Go) && b.writing:
	case writesItself(of.Go):
		b.refuse(place, "writes itself, and can't be read back: "+of.Go.String()+" needs UnmarshalJSON too")
	default:
		b.refuse(place, "has only unexported fields, which JSON leaves out: it would travel as {}; export them, give "+
			of.Go.String()+` MarshalJSON and UnmarshalJSON, or leave it out by the tag json:"-"`)
	}
}

// visible reports whether a struct has fields that are exported, and such that are not; structs that it embeds are
// looked at themselves.
func visible(t reflect.Type) (exports, hides bool) {
	for field := range t.Fields() {
		switch {
		case field.Anonymous, field.Name == "_":
		case field.IsExported():
			exports = true
		default:
			hides = true
		}
	}
	return exports, hides
}

// own returns the fields of one struct, and the structs that it embeds.
func (b *builder) own(l level) (found []*candidate, embedded []level) {
	for i := range l.of.NumField() {
		field := l.of.Field(i)
		inner := field.Type
		if inner.Name() == "" && inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		isStruct := inner.Kind() == reflect.Struct
		tag := field.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if !validName(name) {
			name = ""
		}
		switch {
		case tag == "-", !field.IsExported() && (!field.Anonymous || !isStruct):
			continue
		}
		index := append(slices.Clone(l.index), i)
		if name == "" && field.Anonymous && isStruct {
			embedded = append(embedded, level{of: inner, index: index, place: l.place + "." + field.Name})
			continue
		}
		c := &candidate{tagged: name != "", index: index, place: l.place + "." + field.Name}
		c.Name, c.Go, c.Optional = name, field, has(options, "omitempty") || has(options, "omitzero")
		if name == "" {
			c.Name = field.Name
		}
		switch kind := inner.Kind(); {
		case kind >= reflect.Bool && kind <= reflect.Float64, kind == reflect.String:
			c.Quoted = has(options, "string")
		}
		found = append(found, c)
	}
	return found, embedded
}

func has(options, want string) bool {
	for option := range strings.SplitSeq(options, ",") {
		if option == want {
			return true
		}
	}
	return false
}

// validName reports whether encoding/json takes a name from a tag.
func validName(name string) bool {
	for _, r := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return name != ""
}

// settle decides which candidates become members.
func (b *builder) settle(of *Type, all []*candidate, place string) {
	byName := map[string][]*candidate{}
	for _, c := range all {
		byName[c.Name] = append(byName[c.Name], c)
	}
	var members []*candidate
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		rivals := byName[name]
		slices.SortFunc(rivals, func(a, b *candidate) int {
			switch {
			case len(a.index) != len(b.index):
				return len(a.index) - len(b.index)
			case a.tagged != b.tagged && a.tagged:
				return -1
			case a.tagged != b.tagged:
				return 1
			}
			return slices.Compare(a.index, b.index)
		})
		first := rivals[0]
		if len(rivals) > 1 && len(rivals[1].index) == len(first.index) && rivals[1].tagged == first.tagged {
			b.refuse(place, "embeds several fields named "+strconv.Quote(first.Name)+
				", which encoding/json all ignores; give them json tags of their own")
			continue
		}
		members = append(members, first)
	}
	slices.SortFunc(members, func(a, b *candidate) int { return slices.Compare(a.index, b.index) })
	of.byName, of.folded = map[string]int{}, map[string]int{}
	for i, m := range members {
		b.reachable(of.Go, m)
		m.Type = b.describe(m.Go.Type, m.place)
		of.Fields = append(of.Fields, m.Field)
		of.byName[m.Name] = i
		if _, taken := of.folded[fold(m.Name)]; !taken {
			of.folded[fold(m.Name)] = i
		}
	}
}

// reachable refuses a member behind an embedded pointer to a struct that is not exported, which encoding/json writes
// and can't set.
func (b *builder) reachable(t reflect.Type, m *candidate) {
	for _, i := range m.index[:len(m.index)-1] {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		field := t.Field(i)
		if field.Type.Kind() == reflect.Pointer && !field.IsExported() && !b.writing {
			b.refuse(m.place, "lies in an embedded pointer to "+field.Type.Elem().String()+
				", which is not exported, so that JSON can't be read into it; embed the struct itself, or export its type")
			return
		}
		t = field.Type
	}
}
