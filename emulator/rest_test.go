package emulator_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coretasks/core/emulator"
)

const scheduleJSON = `{"ScheduleExpression":"cron(0 0 1 1 ? 2199)","FlexibleTimeWindow":{"Mode":"OFF"},"StartDate":4102444800.5,
	"Target":{"Arn":"arn:aws:sqs:us-east-1:000000000000:jobs","RoleArn":"arn:aws:iam::000000000000:role/r","Input":"<hello>"}}`

// rest makes a request of the REST-JSON protocol as an SDK does.
func rest(h http.Handler, method, path, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:4560/", strings.NewReader(body))
	u, err := r.URL.Parse("http://127.0.0.1:4560" + path)
	if err != nil {
		return httptest.NewRecorder()
	}
	r.Method, r.URL = method, u // whatever they are
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRestWireFormat(t *testing.T) {
	t.Parallel()
	h := open(t, emulator.Config{}).Handler()
	for _, test := range []struct{ method, path, body, want string }{
		{"GET", "/schedules", "", `{"Schedules":[]}`},
		{"POST", "/schedule-groups/app", `{"Tags":[{"Key":"k","Value":"v"}]}`, `{"ScheduleGroupArn":"arn:aws:scheduler:us-east-1:000000000000:schedule-group/app"}`},
		{"POST", "/schedules/one", strings.Replace(scheduleJSON, "{", `{"GroupName":"app",`, 1), `{"ScheduleArn":"arn:aws:scheduler:us-east-1:000000000000:schedule/app/one"}`},
		{"GET", "/tags/arn%3Aaws%3Ascheduler%3Aus-east-1%3A000000000000%3Aschedule-group%2Fapp", "", `{"Tags":[{"Key":"k","Value":"v"}]}`},
		{"DELETE", "/tags/arn%3Aaws%3Ascheduler%3Aus-east-1%3A000000000000%3Aschedule-group%2Fapp?TagKeys=k&TagKeys=l", "", `{}`},
		{"GET", "/tags/arn:aws:scheduler:us-east-1:000000000000:schedule-group/app", "", `{"Tags":[]}`},
		{"DELETE", "/schedules/one?groupName=app&clientToken=t", "", `{}`},
	} {
		w := rest(h, test.method, test.path, test.body, nil)
		if w.Code != http.StatusOK || w.Body.String() != test.want {
			t.Errorf("%s %s: %d %s, want %s", test.method, test.path, w.Code, w.Body, test.want)
		}
		if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("X-Amzn-Requestid") == "" {
			t.Errorf("headers %v", w.Header())
		}
	}
	rest(h, "POST", "/schedules/two", scheduleJSON, nil)
	var got map[string]any
	if err := json.Unmarshal(rest(h, "GET", "/schedules/two", "", nil).Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got["StartDate"] != 4102444800.5 || got["Name"] != "two" || got["State"] != "ENABLED" || got["EndDate"] != nil {
		t.Errorf("got %v", got)
	}
	if created, ok := got["CreationDate"].(float64); !ok || created < 1e9 || created > 1e10 {
		t.Errorf("CreationDate is %v, want seconds since 1970", got["CreationDate"])
	}
}

func TestRestErrors(t *testing.T) {
	t.Parallel()
	e := open(t, emulator.Config{})
	h := e.Handler()
	rest(h, "POST", "/schedules/there", scheduleJSON, nil)
	for name, test := range map[string]struct {
		method, path, body string
		change             func(*http.Request)
		status             int
		kind, message      string
	}{
		"not there":     {"GET", "/schedules/gone", "", nil, 404, "ResourceNotFoundException", "Schedule gone does not exist."},
		"no such group": {"GET", "/schedules/there?groupName=gone", "", nil, 404, "ResourceNotFoundException", "Schedule group gone does not exist."},
		"there already": {"POST", "/schedules/there", scheduleJSON, nil, 409, "ConflictException", "Schedule there already exists."},
		"invalid":       {"POST", "/schedules/new", `{}`, nil, 400, "ValidationException", "3 validation errors detected"},
		"a name":        {"GET", "/schedules/a%2Fb", "", nil, 400, "ValidationException", "'a/b' at 'name'"},
		"a number":      {"GET", "/schedules?MaxResults=many", "", nil, 400, "ValidationException", `"many"`},
		"a page":        {"GET", "/schedules?MaxResults=101", "", nil, 400, "ValidationException", "less than or equal to 100"},
		"a page token":  {"GET", "/schedule-groups?NextToken=bm9uZQ==", "", nil, 400, "ValidationException", "NextToken"},
		"no JSON":       {"PUT", "/schedules/there", `{"Target":`, nil, 400, "SerializationException", "can't be read"},
		"a date":        {"PUT", "/schedules/there", `{"StartDate":"today"}`, nil, 400, "SerializationException", "can't be read"},
		"a method":      {"PATCH", "/schedules/there", "", nil, 404, "UnknownOperationException", "PATCH /schedules"},
		"no name":       {"DELETE", "/schedules", "", nil, 404, "UnknownOperationException", "DELETE /schedules"},
		"a schedule's tags": {"GET", "/tags/arn:aws:scheduler:us-east-1:000000000000:schedule/default/there", "", nil, 400,
			"ValidationException", "resourceArn"},
		"a group of another account": {"GET", "/tags/arn:aws:scheduler:us-east-1:111111111111:schedule-group/default", "", nil, 404,
			"ResourceNotFoundException", "does not exist"},
		"a form of a web page": {"POST", "/schedules/new", scheduleJSON, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 400,
			"SerializationException", "application/json"},
		"another host":   {"GET", "/schedules", "", func(r *http.Request) { r.Host = "evil.example" }, 403, "AccessDeniedException", "evil.example"},
		"another origin": {"DELETE", "/schedules/there", "", func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }, 403, "AccessDeniedException", "evil.example"},
		"another site":   {"GET", "/schedules", "", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403, "AccessDeniedException", "another web page"},
		"too large":      {"POST", "/schedules/new", strings.Repeat(" ", 8<<20+1), nil, 413, "RequestEntityTooLargeException", "larger"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := rest(h, test.method, test.path, test.body, test.change)
			var body struct{ Message string }
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatalf("%d %s: %v", w.Code, w.Body, err)
			}
			if w.Code != test.status || w.Header().Get("X-Amzn-Errortype") != test.kind || !strings.Contains(body.Message, test.message) {
				t.Errorf("%d %s %q, want %d %s with %q", w.Code, w.Header().Get("X-Amzn-Errortype"), body.Message, test.status, test.kind, test.message)
			}
		})
	}
}

// The reason why an expression is refused, which the service does not tell, is in the log.
func TestReasonIsLogged(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	h := open(t, emulator.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}).Handler()
	w := rest(h, "POST", "/schedules/nightly", strings.Replace(scheduleJSON, "cron(0 0 1 1 ? 2199)", "cron(0 3 * * *)", 1), nil)
	if w.Code != http.StatusBadRequest || w.Body.String() != `{"Message":"Invalid Schedule Expression cron(0 3 * * *)."}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, want := range []string{"schedule=nightly", `reason="it has 5 fields and needs 6`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, log.String())
		}
	}
}

// Faults of several members are told in one text, those of tags among them.
func TestGroupFaultsTogether(t *testing.T) {
	t.Parallel()
	h := open(t, emulator.Config{}).Handler()
	for path, body := range map[string]string{
		"/schedule-groups/a%20b": `{"ClientToken":"t","Tags":[{"Key":"","Value":"v"}]}`,
		"/schedule-groups/ok":    `{"ClientToken":"a b","Tags":[{"Key":"k","Value":""}]}`,
		"/tags/none":             `{"Tags":[{"Key":"k"}]}`,
	} {
		w := rest(h, "POST", path, body, nil)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "2 validation errors detected") {
			t.Errorf("%s %s: %d %s", path, body, w.Code, w.Body)
		}
	}
}

func TestRestAfterClose(t *testing.T) {
	t.Parallel()
	e := open(t, emulator.Config{})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	w := rest(e.Handler(), "POST", "/schedules/one", scheduleJSON, nil)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("X-Amzn-Errortype") != "InternalServerException" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
