package lambdaworker

import (
	"strings"
	"testing"
	"time"
)

func TestVariables(t *testing.T) {
	for name, values := range map[string][]string{
		"CORE_CONCURRENCY": {"0", "-1", "many", "1.5", " 4"},
		"CORE_GRACE":       {"0", "0s", "-1s", "5", "soon", "-1d"},
	} {
		for _, value := range values {
			t.Run(name+"="+value, func(t *testing.T) {
				t.Setenv(name, value)
				if _, err := environment(); err == nil ||
					!strings.Contains(err.Error(), name+"=\""+value+"\" is invalid: it must be") {
					t.Errorf("%v", err)
				}
			})
		}
	}
	t.Setenv("CORE_CONCURRENCY", "7")
	t.Setenv("CORE_GRACE", "1d")
	options, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	var c config
	for _, o := range options {
		o(&c)
	}
	if c.concurrency != 7 || c.grace != 24*time.Hour {
		t.Errorf("%+v", c)
	}
}
