package jsontype_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Types of the tests, by what is wrong with them.

type base struct{ ID int }

type embedsPointer struct {
	*base
	Name string
}

type EmbedsExported struct {
	*Base
	Name string
}

type Base struct{ ID int }

type reads struct{ R io.Reader }

type shape interface{ Area() float64 }

type onlyHidden struct{ userID int } //nolint:unused // JSON leaves it out, and that is the point

// date reads what time.Time's promoted MarshalJSON does not write.
type date struct{ time.Time }

func (d *date) UnmarshalJSON(b []byte) (err error) {
	d.Time, err = time.Parse(`"2006-01-02"`, string(b))
	return err
}

// stamped loses Name: time.Time's methods are promoted.
type stamped struct {
	time.Time
	Name string
}

// money writes and reads itself.
type money struct{ cents int64 }

func (m money) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d", m.cents), nil }

func (m *money) UnmarshalText(text []byte) error {
	_, err := fmt.Sscanf(string(text), "%d", &m.cents)
	return err
}

// writeOnly can't be read back.
type writeOnly struct{ n int }

func (w writeOnly) MarshalJSON() ([]byte, error) { return json.Marshal(w.n) }

// maybe is null when it has no value.
type maybe struct {
	Value string
	Set   bool
}

func (m maybe) MarshalJSON() ([]byte, error) {
	if !m.Set {
		return []byte("null"), nil
	}
	return json.Marshal(m.Value)
}

func (m *maybe) UnmarshalJSON(b []byte) error {
	m.Set = string(b) != "null"
	return json.Unmarshal(b, &m.Value)
}

// level refuses to write its zero value, which says nothing about the others.
type level int

func (l level) MarshalText() ([]byte, error) {
	if l == 0 {
		return nil, errors.New("no level")
	}
	return fmt.Appendf(nil, "level-%d", int(l)), nil
}

func (l *level) UnmarshalText(text []byte) error {
	_, err := fmt.Sscanf(string(text), "level-%d", (*int)(l))
	return err
}

// panics does in all that it does.
type panics struct{ B string }

func (panics) MarshalJSON() ([]byte, error)  { panic("can't write") }
func (*panics) UnmarshalJSON(b []byte) error { panic("can't read " + string(b)) }

// slicer is the classic: it takes for granted that it is given a string.
type slicer struct{ text string }

func (s slicer) MarshalJSON() ([]byte, error) { return json.Marshal(s.text) }

func (s *slicer) UnmarshalJSON(b []byte) error {
	s.text = string(b[1 : len(b)-1])
	if s.text == "" {
		s.text = string(b[:len(b)+1]) // out of range
	}
	return nil
}

// pointerWriter is written by a method of its pointer, where it can be addressed.
type pointerWriter struct{ N int }

func (p *pointerWriter) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `"%d"`, p.N), nil }

func (p *pointerWriter) UnmarshalJSON(b []byte) error {
	_, err := fmt.Sscanf(string(b), `"%d"`, &p.N)
	return err
}

type node struct {
	N    int
	Next *node
}

type everything struct {
	B    bool    `json:"b"`
	I    int     `json:"i"`
	I8   int8    `json:"i8"`
	U8   uint8   `json:"u8"`
	U64  uint64  `json:"u64"`
	F32  float32 `json:"f32"`
	F64  float64 `json:"f64"`
	S    string  `json:"s"`
	P    *int    `json:"p"`
	L    []int   `json:"l"`
	A    [2]int  `json:"a"`
	Raw  json.RawMessage
	Num  json.Number        `json:"num"`
	Any  any                `json:"any"`
	M    map[string]int8    `json:"m"`
	IM   map[int8]string    `json:"im"`
	Data []byte             `json:"data"`
	T    time.Time          `json:"t"`
	D    time.Duration      `json:"d"`
	Addr netip.Addr         `json:"addr"`
	Big  *big.Int           `json:"big"`
	Q    int                `json:"q,string"`
	QP   *bool              `json:"qp,string"`
	Cash money              `json:"cash"`
	Some maybe              `json:"some"`
	Lvl  map[level]int      `json:"lvl"`
	Sub  struct{ X, Y int } `json:"sub"`
	Subs []struct {
		Price uint16 `json:"price"`
	} `json:"subs"`
	Node node `json:"node"`
	Base
	Skip chan int `json:"-"`
}

type twoIDs struct {
	Base
	Other
}

type Other struct{ ID int }

type ambiguous struct {
	writeOnly //nolint:unused // reflection sees it
	maybe
	Name string
}

type withLock struct {
	sync.Mutex
	N int
}

// shapes reads its own interface.
type shapes struct{ S shape }

func (s *shapes) UnmarshalJSON([]byte) error { return nil }

type many struct {
	F00, F01, F02, F03, F04, F05, F06, F07, F08, F09 int
	F10, F11, F12, F13, F14, F15, F16, F17, F18, F19 int
	F20, F21, F22, F23, F24, F25, F26, F27, F28, F29 int
	F30, F31, F32, F33, F34, F35, F36, F37, F38, F39 int
	F40, F41, F42, F43, F44, F45, F46, F47, F48, F49 int
	F50, F51, F52, F53, F54, F55, F56, F57, F58, F59 int
	F60, F61, F62, F63, F64, F65, F66, F67, F68, F69 int
}

var deepText = strings.Repeat("[", 9_999) + strings.Repeat("]", 9_999)

// family has rings that are not written.
type family struct {
	Name     string
	Children []*family
	parent   *family
	Parent   *family `json:"-"`
}

func hiddenRing() *family {
	root := &family{Name: "root", Children: []*family{{Name: "leaf"}}}
	root.Children[0].parent, root.Children[0].Parent = root, root
	return root
}
