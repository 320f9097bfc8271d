package jsontext_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coretasks/core/emulator/internal/jsontext"
)

func TestLone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		half rune
		at   int
	}{
		`"plain"`:              {0, -1},
		`"\ud83d\ude00"`:       {0, -1},
		`"\uD83D\uDE00\n"`:     {0, -1},
		`"\\ud800"`:            {0, -1}, // a backslash and letters
		`"\\\ud800"`:           {0xD800, 3},
		`"\ud800"`:             {0xD800, 1},
		`"\uDFFF"`:             {0xDFFF, 1},
		`"\ud800x\udc00"`:      {0xD800, 1},
		`"\udc00\ud800"`:       {0xDC00, 1},
		`"\ud800\ud800\udc00"`: {0xD800, 1},
		`"\ud800\\udc00"`:      {0xD800, 1},
		`"\ud83d\ude00\ude00"`: {0xDE00, 13},
		`{"\udbff":1}`:         {0xDBFF, 2},
		`"\ud7ff\ue000"`:       {0, -1},
		`"\ud8`:                {0, -1},
		`"\`:                   {0, -1},
		``:                     {0, -1},
	} {
		if half, at := jsontext.Lone([]byte(text)); half != want.half || at != want.at {
			t.Errorf("%s: %X at %d, want %X at %d", text, half, at, want.half, want.at)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`"fine \ud83d\ude00 ü"`:     "",
		`"\udead"`:                  `\uDEAD at byte 1 is half of a surrogate pair`,
		"\"abc\xff\"":               "byte 4 is not UTF-8",
		"\"\xed\xa0\x80\"":          "byte 1 is not UTF-8", // U+D800, as if it were a character
		"\"\xc3\xa9t\xe9 \\ud800\"": "byte 4 is not UTF-8",
	} {
		err := jsontext.Check([]byte(text))
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

// A text that passes decodes to nothing that it does not say, and one in which halves are replaced passes.
func FuzzCheck(f *testing.F) {
	for _, text := range []string{
		`"\ud800"`, `"\\ud800"`, `"\ud83d\ude00"`, `"\ufffd"`, "\"\xff\"", "\"\xed\xa0\x80\"", `{"a":["\uD800\n"]}`, `"\ud800\ud800\udc00"`, `"\`, `"�"`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s string
		if json.Unmarshal(text, &s) != nil {
			_ = jsontext.Check(text)
			_ = jsontext.Replace(text)
			return
		}
		said := strings.Count(string(text), "\ufffd") + strings.Count(strings.ToLower(string(text)), `\ufffd`)
		found := strings.Count(s, "\ufffd")
		err := jsontext.Check(text)
		if err == nil && found > said {
			t.Errorf("%q passes and is read as %q", text, s)
		}
		if err != nil && found == 0 {
			t.Errorf("%q is refused and is read as %q: %v", text, s, err)
		}
		replaced := jsontext.Replace(text)
		if _, at := jsontext.Lone(replaced); at >= 0 || len(replaced) != len(text) {
			t.Errorf("%q becomes %q", text, replaced)
		}
		if utf8.Valid(text) && json.Unmarshal(replaced, &s) != nil {
			t.Errorf("%q becomes %q, which can't be read", text, replaced)
		}
	})
}
