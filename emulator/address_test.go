package emulator

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	const account = "000000000000"
	here, there := address{account: account, name: "jobs"}, address{region: "eu-west-1", account: account, name: "jobs"}
	for text, want := range map[string]address{
		"http://127.0.0.1:4560/000000000000/jobs":                  here,
		"https://sqs.us-east-1.amazonaws.com/000000000000/jobs/":   here,
		"http://proxy/below/a/path/000000000000/jobs":              here,
		"http://h/000000000000/j%6Fbs?Version=2012-11-05#x":        here,
		"http://h/queue/000000000000/jobs":                         here,
		"/000000000000/jobs":                                       here,
		"000000000000/jobs":                                        here,
		"http://127.0.0.1:4560/queue/eu-west-1/000000000000/jobs":  there,
		"http://127.0.0.1:4560/queue/eu-west-1/000000000000/jobs/": there,
		"http://proxy/below/queue/eu-west-1/000000000000/jobs":     there,
		"http://h/queue/eu%2Dwest-1/000000000000/jobs":             there,
		"queue/eu-west-1/000000000000/jobs":                        there,
		"http://127.0.0.1:4560/queue/us-east-1/000000000000/jobs":  {region: "us-east-1", account: account, name: "jobs"},
		"http://127.0.0.1:4560/other/eu-west-1/000000000000/jobs":  here,
		"jobs":                 {name: "jobs"},
		"no name, and no URL?": {name: "no name, and no URL?"},
		"arn:aws:sqs:us-east-1:000000000000:jobs": {name: "arn:aws:sqs:us-east-1:000000000000:jobs"},
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

// What a QueueUrl says does not depend on its host, no part of it has a slash, and the URL that we would give out says the same.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{
		"jobs", "000000000000/jobs", "http://h/000000000000/jobs", "http://h/queue/eu-west-1/000000000000/jobs", "//", "http://h/%2F/x",
		"http://[::1]:4560/1/q", "x://?/#", "http://h\x00/1/q", "http://h/queue//1/q", "http://h/queue/queue/1/q",
	} {
		f.Add(text)
	}
	e := &Emulator{}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseAddress(text)
		if err != nil {
			return
		}
		if strings.Contains(got.name+got.account+got.region, "/") {
			t.Errorf("%q is %+v", text, got)
		}
		if got.account == "" || strings.ContainsAny(text, "%?#") {
			return
		}
		e.cfg.AccountID = got.account
		region := got.region
		if region == "" {
			region = defaultRegion
		}
		again, err := parseAddress(e.urlOf("https://elsewhere:1", inRegion{region, got.name}))
		if region == defaultRegion {
			again.region = got.region
		}
		if got.name != "" && (err != nil || again != got) {
			t.Errorf("%q is %+v, and elsewhere %+v, %v", text, got, again, err)
		}
	})
}

func TestRequestRegion(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"AWS4-HMAC-SHA256 Credential=AKID/20261127/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0":     "eu-west-1",
		"AWS4-HMAC-SHA256 Credential=AKID/20261127/eu-west-1/scheduler/aws4_request,SignedHeaders=host,Signature=0": "eu-west-1",
		"AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0, Credential=AKID/20261127/us-gov-west-1/sqs/aws4_request": "us-gov-west-1",
		"AWS4-HMAC-SHA256  Credential=a/key/with/slashes/20261127/local/sqs/aws4_request\t, Signature=0":            "local",
		"AWS4-HMAC-SHA256 Credential=AKID/20261127//sqs/aws4_request, Signature=0":                                  "",
		"AWS4-ECDSA-P256-SHA256 Credential=AKID/20261127/sqs/aws4_request, Signature=0":                             "", // for several regions
		"AWS4-HMAC-SHA256 Credential=AKID/20261127/eu-west-1/sqs, Signature=0":                                      "",
		"AWS4-HMAC-SHA256 Credential=aws4_request":                                                                  "",
		"AWS4-HMAC-SHA256 Credential=":                       "",
		"AWS4-HMAC-SHA256":                                   "",
		"AWS AKID:signature":                                 "",
		"Basic Q3JlZGVudGlhbD1BL0IvQy9EL2F3czRfcmVxdWVzdA==": "",
		"": "",
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Authorization", header)
		if got, err := requestRegion(r); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", header, got, err, want)
		}
	}
	for _, region := range []string{"EU-WEST-1", "eu west", "eu_west_1", "*", strings.Repeat("x", 65), "ü"} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20261127/"+region+"/sqs/aws4_request, Signature=0")
		if got, err := requestRegion(r); err == nil && region != "eu west" {
			t.Errorf("%q is a region: %q", region, got)
		}
	}
	signed := httptest.NewRequest(http.MethodPost, "/?X-Amz-Credential=AKID%2F20261127%2Feu-west-1%2Fsqs%2Faws4_request", nil)
	if got, err := requestRegion(signed); err != nil || got != "eu-west-1" {
		t.Errorf("a signed URL: %q, %v", got, err)
	}
}

// Whatever a header says, the region is one that ARNs and URLs can have, or none; and one that is signed for is found.
func FuzzRequestRegion(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20261127/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0", "", "eu-west-1")
	f.Add("AWS4-X Credential=////aws4_request", "X-Amz-Credential=a/b/c/d/aws4_request", "a b")
	f.Add("", "X-Amz-Credential=%", "")
	f.Fuzz(func(t *testing.T, header, query, region string) {
		r := &http.Request{Header: http.Header{"Authorization": {header}}, URL: &url.URL{RawQuery: query}}
		if got, err := requestRegion(r); err == nil && got != "" && !isRegion(got) {
			t.Errorf("%q %q: the region is %q", header, query, got)
		}
		if !isRegion(region) {
			return
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=KEY/20261127/"+region+"/sqs/aws4_request, SignedHeaders=host, Signature=0")
		if got, err := requestRegion(r); err != nil || got != region {
			t.Errorf("the region is %q, %v, want %q", got, err, region)
		}
	})
}
