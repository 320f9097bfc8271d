package span_test

import (
	"testing"
	"time"

	"github.com/coretasks/core/internal/span"
)

const day = 24 * time.Hour

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "90s": 90 * time.Second, "1.5h": 90 * time.Minute, "36h": 36 * time.Hour, "-5s": -5 * time.Second,
		"1d": day, "0d": 0, "3d": 3 * day, "1d12h": 36 * time.Hour, "1d0s": day, "36500d": 36500 * day,
		"100ms": 100 * time.Millisecond,
	} {
		if got, err := span.Parse(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "5", "d", "1 d", "-1d", "+1d", "1.5d", "1d5", "1d-5s", "1d+5s", "1d1d", "36501d",
		"99999999999999999999d", "soon", "1w", "3D", "1h1d",
	} {
		if got, err := span.Parse(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"90s", "3d", "1d12h", "-5s", "1d-5s", "36500d", "dd"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := span.Parse(text)
		std, stdErr := time.ParseDuration(text)
		switch {
		case stdErr == nil && (err != nil || got != std):
			t.Errorf("%q is %v, %v; want %v", text, got, err, std)
		case err == nil && stdErr != nil && got < 0:
			t.Errorf("%q is %v", text, got)
		}
	})
}
