package emulator

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	const account = "000000000000"
	for text, want := range map[string]address{
		"http://127.0.0.1:4560/000000000000/jobs":                {account: account, name: "jobs"},
		"https://sqs.us-east-1.amazonaws.com/000000000000/jobs/": {account: account, name: "jobs"},
		"http://proxy/below/a/path/000000000000/jobs":            {account: account, name: "jobs"},
		"http://h/000000000000/j%6Fbs?Version=2012-11-05#x":      {account: account, name: "jobs"},
		"/000000000000/jobs":                                     {account: account, name: "jobs"},
		"000000000000/jobs":                                      {account: account, name: "jobs"},
		"jobs":                                                   {name: "jobs"},
		"no name, and no URL?":                                   {name: "no name, and no URL?"},
		"arn:aws:sqs:us-east-1:000000000000:jobs":                {name: "arn:aws:sqs:us-east-1:000000000000:jobs"},
	} {
		if got, err := parseAddress(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"http://h", "http://h/", "http://h/jobs", "/jobs", "jobs/", "/", "://", "http://h/%zz/jobs"} {
		if got, err := parseAddress(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

// What a QueueUrl says does not depend on its host, and a name has no slash in it.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{
		"jobs", "000000000000/jobs", "http://h/000000000000/jobs", "http://h/queue/eu-west-1/000000000000/jobs", "//", "http://h/%2F/x",
		"http://[::1]:4560/1/q", "x://?/#", "http://h\x00/1/q",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseAddress(text)
		if err != nil {
			return
		}
		if strings.Contains(got.name, "/") || strings.Contains(got.account, "/") {
			t.Errorf("%q is %+v", text, got)
		}
		if strings.ContainsAny(text, "%?#") || got.name == "" {
			return
		}
		again, err := parseAddress("https://elsewhere:1/" + got.account + "/" + got.name)
		if got.account != "" && (err != nil || again != got) {
			t.Errorf("%q is %+v, and elsewhere %+v, %v", text, got, again, err)
		}
	})
}
