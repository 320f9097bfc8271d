package reports

import "testing"

func TestMoney(t *testing.T) {
	t.Parallel()
	for cents, want := range map[int64]string{0: "$0.00", 5: "$0.05", 99999: "$999.99", 100000: "$1,000.00", 123456789: "$1,234,567.89"} {
		if got := money(cents); got != want {
			t.Errorf("money(%d) = %s, want %s", cents, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for dollars, want := range map[int64]string{
		0: "0", 7: "7", 845: "845", 999: "999", 1000: "1k", 1049: "1k", 1260: "1.3k", 9949: "9.9k", 9960: "10k", 12400: "12.4k", 99_940: "99.9k", 99_960: "100k",
		999400: "999k", 999600: "1M", 3400000: "3.4M", 2_000_000_000_000_000: "2000T",
	} {
		if got := short(dollars * 100); got != want {
			t.Errorf("short($%d) = %s, want %s", dollars, got, want)
		}
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		cents int64
		want  scale
	}{
		{"nothing sold", 0, scale{step: 100, steps: 1}},
		{"up to a step", 500, scale{step: 100, steps: 5}},
		{"just above a step", 501, scale{step: 200, steps: 3}},
		{"thousands", 1_734_512, scale{step: 500_000, steps: 4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := scaleOf([]row{{line: line{Cents: tt.cents}}, {}})
			if got != tt.want {
				t.Errorf("scale = %+v, want %+v", got, tt.want)
			}
			if part := got.part(tt.cents); part > 1 {
				t.Errorf("a bar is %v of the axis, want at most 1", part)
			}
		})
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"short": "short", "açaí bowl": "açaí …", "açaís!": "açaís!"} {
		if got := shorten(text, 6); got != want {
			t.Errorf("shorten(%q) = %q, want %q", text, got, want)
		}
	}
}
