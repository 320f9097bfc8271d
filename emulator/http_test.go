package emulator_test

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coretasks/core/emulator"
)

const (
	wireType = "application/x-amz-json-1.0"
	localURL = "http://127.0.0.1:4560/"
)

// post makes a request as an SDK does; change may alter it.
func post(h http.Handler, operation, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, localURL, strings.NewReader(body))
	r.Header.Set("Content-Type", wireType)
	r.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWireFormat(t *testing.T) {
	t.Parallel()
	h := open(t, emulator.Config{}).Handler()
	at := `"QueueUrl":"http://anything:1/000000000000/q"`
	steps := []struct{ operation, body, want string }{
		{"ListQueues", ``, `{}`},
		{"CreateQueue", `{"QueueName":"q","Attributes":{"DelaySeconds":"5"},"tags":{"a":"b"}}`,
			`{"QueueUrl":"http://127.0.0.1:4560/000000000000/q"}`},
		{"ListQueueTags", `{` + at + `}`, `{"Tags":{"a":"b"}}`},
		{"ReceiveMessage", `{` + at + `,"WaitTimeSeconds":0}`, `{}`},
		{"GetQueueAttributes", `{` + at + `,"AttributeNames":["DelaySeconds"]}`, `{"Attributes":{"DelaySeconds":"5"}}`},
		// A delay of 0 that is said overrides the queue's, a message is there at once; and a visibility of 0 keeps it so.
		{"SendMessageBatch", `{` + at + `,"Entries":[{"Id":"1","MessageBody":"x","DelaySeconds":0}]}`, ""},
		{"GetQueueAttributes", `{` + at + `,"AttributeNames":["ApproximateNumberOfMessages"]}`,
			`{"Attributes":{"ApproximateNumberOfMessages":"1"}}`},
		{"ReceiveMessage", `{` + at + `,"VisibilityTimeout":0}`, ""},
		{"GetQueueAttributes", `{` + at + `,"AttributeNames":["ApproximateNumberOfMessages"]}`,
			`{"Attributes":{"ApproximateNumberOfMessages":"1"}}`},
		{"SetQueueAttributes", `{` + at + `,"Attributes":{"DelaySeconds":"0"}}`, `{}`},
		{"PurgeQueue", `{` + at + `}`, `{}`},
		{"DeleteQueue", `{` + at + `}`, `{}`},
	}
	for _, step := range steps {
		w := post(h, step.operation, step.body, nil)
		if w.Code != http.StatusOK || step.want != "" && w.Body.String() != step.want {
			t.Errorf("%s %s: %d %s, want %s", step.operation, step.body, w.Code, w.Body, step.want)
		}
		if w.Header().Get("Content-Type") != wireType || w.Header().Get("X-Amzn-Requestid") == "" {
			t.Errorf("%s: headers %v", step.operation, w.Header())
		}
	}
}

// A request's trace header goes with its messages, unless they have their own.
func TestTraceHeader(t *testing.T) {
	t.Parallel()
	h := open(t, emulator.Config{}).Handler()
	post(h, "CreateQueue", `{"QueueName":"q"}`, nil)
	at := `"QueueUrl":"http://h/000000000000/q"`
	traced := func(r *http.Request) { r.Header.Set("X-Amzn-Trace-Id", "Root=1") }
	post(h, "SendMessage", `{`+at+`,"MessageBody":"x"}`, traced)
	post(h, "SendMessage", `{`+at+`,"MessageBody":"x","MessageSystemAttributes":`+
		`{"AWSTraceHeader":{"DataType":"String","StringValue":"Root=2"}}}`, traced)
	got := post(h, "ReceiveMessage", `{`+at+`,"MaxNumberOfMessages":10,"AttributeNames":["AWSTraceHeader"]}`, nil)
	for _, want := range []string{`{"AWSTraceHeader":"Root=1"}`, `{"AWSTraceHeader":"Root=2"}`} {
		if !strings.Contains(got.Body.String(), want) {
			t.Errorf("no %s in %s", want, got.Body)
		}
	}
}

func TestProtocolErrors(t *testing.T) {
	t.Parallel()
	h := open(t, emulator.Config{AllowedHosts: []string{"queues.test"}}).Handler()
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	const list = "ListQueues"
	tests := []struct {
		name, operation, body string
		change                func(*http.Request)
		status                int
		kind, query           string
	}{
		{"no such queue", "PurgeQueue", `{"QueueUrl":"http://h/000000000000/q"}`, nil,
			400, "com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue;Sender"},
		{"invalid value", "ListQueues", `{"MaxResults":0}`, nil,
			400, "com.amazonaws.sqs#InvalidParameterValueException", "InvalidParameterValue;Sender"},
		{"no queue URL", "SendMessage", `{"MessageBody":"x"}`, nil,
			400, "com.amazonaws.sqs#MissingRequiredParameterException", "MissingParameter;Sender"},
		{"not a queue URL", "SendMessage", `{"MessageBody":"x","QueueUrl":"http://h/q"}`, nil,
			404, "com.amazonaws.sqs#InvalidAddress", "InvalidAddress;Sender"},
		{"the name of no queue", "SendMessage", `{"MessageBody":"x","QueueUrl":"q"}`, nil,
			400, "com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue;Sender"},
		{"null", list, `null`, nil, 200, "", ""},
		{"unknown operation", "Nope", `{}`, nil, 400, "com.amazon.coral.service#UnknownOperationException", ""},
		{"other service", list, `{}`, header("X-Amz-Target", "DynamoDB_20120810.ListTables"),
			400, "com.amazon.coral.service#UnknownOperationException", ""},
		{"no target", list, `{}`, func(r *http.Request) { r.Header.Del("X-Amz-Target") },
			400, "com.amazon.coral.service#UnknownOperationException", ""},
		{"get", list, ``, func(r *http.Request) { r.Method = http.MethodGet },
			405, "com.amazon.coral.service#UnknownOperationException", ""},
		{"preflight", list, ``, func(r *http.Request) { r.Method = http.MethodOptions },
			405, "com.amazon.coral.service#UnknownOperationException", ""},
		{"form", list, `Action=ListQueues`, header("Content-Type", "application/x-www-form-urlencoded"),
			400, "com.amazon.coral.service#SerializationException", ""},
		{"charset", list, `{}`, header("Content-Type", wireType+"; charset=utf-8"), 200, "", ""},
		{"truncated", list, `{"MaxResults":`, nil, 400, "com.amazon.coral.service#SerializationException", ""},
		{"wrong type", list, `{"MaxResults":"many"}`, nil, 400, "com.amazon.coral.service#SerializationException", ""},
		{"number out of range", list, `{"MaxResults":99999999999}`, nil,
			400, "com.amazon.coral.service#SerializationException", ""},
		{"a list", list, `[]`, nil, 400, "com.amazon.coral.service#SerializationException", ""},
		{"two values", list, `{}{}`, nil, 400, "com.amazon.coral.service#SerializationException", ""},
		{"too large", list, strings.Repeat(" ", 8<<20+1), nil,
			413, "com.amazon.coral.service#RequestEntityTooLargeException", ""},
		{"rebound name", list, `{}`, host("evil.example:4560"), 403, "com.amazon.coral.service#AccessDeniedException", ""},
		{"name that begins well", list, `{}`, host("127.0.0.1.evil.example"),
			403, "com.amazon.coral.service#AccessDeniedException", ""},
		{"no host", list, `{}`, host(""), 403, "com.amazon.coral.service#AccessDeniedException", ""},
		{"an address", list, `{}`, host("172.17.0.2:4560"), 200, "", ""},
		{"allowed name", list, `{}`, host("Queues.test:80"), 200, "", ""},
		{"localhost", list, `{}`, host("localhost:4560"), 200, "", ""},
		{"ipv6", list, `{}`, host("[::1]:4560"), 200, "", ""},
		{"ipv6 without port", list, `{}`, host("[::1]"), 200, "", ""},
		{"foreign origin", list, `{}`, header("Origin", "https://evil.example"),
			403, "com.amazon.coral.service#AccessDeniedException", ""},
		{"origin of a file", list, `{}`, header("Origin", "null"), 403, "com.amazon.coral.service#AccessDeniedException", ""},
		{"other port's page", list, `{}`, header("Origin", "http://127.0.0.1:3000"),
			403, "com.amazon.coral.service#AccessDeniedException", ""},
		{"own origin", list, `{}`, header("Origin", "http://127.0.0.1:4560"), 200, "", ""},
		{"a name of localhost", list, `{}`, host("queue.localhost:4560"), 200, "", ""},
		{"a page of another port", list, `{}`, header("Sec-Fetch-Site", "same-site"),
			403, "com.amazon.coral.service#AccessDeniedException", ""},
		{"cross-site fetch", list, `{}`, header("Sec-Fetch-Site", "cross-site"),
			403, "com.amazon.coral.service#AccessDeniedException", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := post(h, test.operation, test.body, test.change)
			if w.Code != test.status {
				t.Fatalf("status %d, want %d: %s", w.Code, test.status, w.Body)
			}
			if got := w.Header().Get("X-Amzn-Query-Error"); got != test.query {
				t.Errorf("query error %q, want %q", got, test.query)
			}
			var body struct {
				Type    string `json:"__type"`
				Message string `json:"message"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			if body.Type != test.kind || test.kind != "" && body.Message == "" {
				t.Errorf("body %+v, want %s", body, test.kind)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Error("a web page is let in")
			}
		})
	}
}

// A client of the query protocol gets the words that others get, in the form that it reads.
func TestQueryProtocolIsRefusedInXML(t *testing.T) {
	t.Parallel()
	h := open(t, emulator.Config{}).Handler()
	form := "Action=SendMessage&Version=2012-11-05&QueueUrl=http%3A%2F%2Fh%2F000000000000%2Fq&MessageBody=x"
	for name, test := range map[string]struct {
		method, path, body, kind string
		change                   func(*http.Request)
		status                   int
		code, says               string
	}{
		"a form":                  {"POST", "/", form, "application/x-www-form-urlencoded", nil, 400, "UnknownOperationException", "not the query protocol"},
		"with a charset":          {"POST", "/", form, "application/x-www-form-urlencoded; charset=utf-8", nil, 400, "UnknownOperationException", "JSON 1.0"},
		"on a queue's path":       {"POST", "/000000000000/q", form, "application/x-www-form-urlencoded", nil, 400, "UnknownOperationException", "JSON 1.0"},
		"a URL":                   {"GET", "/000000000000/q?" + form, "", "", nil, 400, "UnknownOperationException", "JSON 1.0"},
		"a URL of another region": {"GET", "/queue/eu-west-1/000000000000/q?Action=ReceiveMessage", "", "", nil, 400, "UnknownOperationException", "JSON 1.0"},
		"another host": {"POST", "/", form, "application/x-www-form-urlencoded", func(r *http.Request) { r.Host = "<evil>.example" }, 403,
			"AccessDeniedException", `The host "<evil>.example" is not served.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(test.method, "http://127.0.0.1:4560"+test.path, strings.NewReader(test.body))
			if test.kind != "" {
				r.Header.Set("Content-Type", test.kind)
			}
			if test.change != nil {
				test.change(r)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			var answer struct {
				XMLName xml.Name `xml:"http://queue.amazonaws.com/doc/2012-11-05/ ErrorResponse"`
				Error   struct {
					Type, Code, Message string
					Detail              *string
				}
				ID string `xml:"RequestId"`
			}
			if err := xml.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatalf("%v in %s", err, w.Body)
			}
			if w.Code != test.status || w.Header().Get("Content-Type") != "text/xml" || answer.Error.Type != "Sender" || answer.Error.Code != test.code ||
				!strings.Contains(answer.Error.Message, test.says) || answer.Error.Detail == nil || answer.ID == "" || answer.ID != w.Header().Get("X-Amzn-Requestid") {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
			if !strings.HasPrefix(w.Body.String(), "<?xml") {
				t.Errorf("no declaration in %s", w.Body)
			}
		})
	}
	// JSON clients get JSON, also on a queue's path.
	w := post(h, "ListQueues", "{}", func(r *http.Request) { r.URL.Path = "/000000000000/q"; r.URL.RawQuery = "Action=ListQueues" })
	if w.Code != http.StatusOK || w.Body.String() != "{}" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(open(t, emulator.Config{}).Handler())
	t.Cleanup(srv.Close)
	resp, err := http.Get(srv.URL + "/_core/health")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || string(body) != `{"status":"ok"}` {
		t.Errorf("%d %s, %v", resp.StatusCode, body, err)
	}
}
