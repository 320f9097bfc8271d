package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const apiBase = "/2018-06-01/runtime/"

// ask makes one call of the Runtime API, which is given up after a while: next waits where there is no work.
func ask(t *testing.T, h http.Handler, method, path, headers string, body []byte, patience time.Duration) *httptest.ResponseRecorder {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := httptest.NewRequest(http.MethodPost, apiBase, bytes.NewReader(body)).WithContext(ctx)
	u, err := r.URL.Parse(path)
	if err != nil {
		t.Skip("net/http answers before a handler sees it")
	}
	r.Method, r.URL = method, u
	for line := range strings.SplitSeq(headers, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Whatever a function's process calls during an invocation, the call is answered, the invocation ends with the first answer
// that names it, and the environment can be invoked again.
func FuzzRuntimeAPI(f *testing.F) {
	for _, path := range []string{
		"invocation/1/response", "invocation/1/error", "invocation/2/response", "invocation/2/error", "invocation//response", "invocation/%31/response",
		"invocation/1%2f/response", "invocation/../invocation/1/response", "invocation/next", "init/error", "restore/next", "exit/error", "invocation/1", "",
	} {
		for _, method := range []string{"POST", "GET", "PUT", "DELETE"} {
			f.Add(method, apiBase+path, "Content-Type: application/json", []byte(`{"batchItemFailures":[]}`))
		}
		f.Add("POST", apiBase+path, "Lambda-Runtime-Function-Error-Type: Unhandled", []byte(`{"errorType":"T","errorMessage":"m","stackTrace":["a"]}`))
		f.Add("POST", apiBase+path, "Lambda-Runtime-Function-Response-Mode: streaming\nLambda-Runtime-Aws-Request-Id: 2", []byte(nil))
		f.Add("POST", apiBase+path, "", []byte(`{"errorType":1,"errorMessage":{}}`))
		f.Add("POST", apiBase+path, "", []byte("\xff\x00"))
	}
	f.Add("GET", "/2018-06-01/ping", "", []byte(nil))
	f.Add("POST", "/2015-03-31/runtime/invocation/1/response", "Host: evil.example", []byte("1"))

	f.Fuzz(func(t *testing.T, method, path, headers string, body []byte) {
		e := newEnvironment()
		defer e.end()
		h := e.handler()
		const patience = 30 * time.Second
		for _, id := range []string{"1", "3"} { // after the odd call comes another invocation, which it has no part in
			type result struct {
				payload []byte
				err     error
			}
			ended := make(chan result, 1)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			go func() {
				payload, err := e.invoke(ctx, Request{ID: id, Payload: []byte(`{"n":` + id + `}`)})
				ended <- result{payload, err}
			}()
			if w := ask(t, h, http.MethodGet, apiBase+"invocation/next", "", nil, patience); w.Body.String() != `{"n":`+id+`}` || w.Header().Get("Lambda-Runtime-Aws-Request-Id") != id {
				t.Fatalf("next: %d %s", w.Code, w.Body)
			}
			odd := ask(t, h, method, path, headers, body, 5*time.Millisecond)
			last := ask(t, h, http.MethodPost, apiBase+"invocation/"+id+"/response", "", []byte(`"last"`), patience)
			got := <-ended

			var problem *InvocationError
			switch odd.Code {
			case http.StatusAccepted, http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed:
			case http.StatusMovedPermanently, http.StatusTemporaryRedirect: // the path was not clean
			case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
				var said struct{ ErrorType, ErrorMessage string }
				if err := json.Unmarshal(odd.Body.Bytes(), &said); err != nil || said.ErrorType == "" || said.ErrorMessage == "" {
					t.Errorf("refused with %q, %v", odd.Body, err)
				}
			default:
				t.Errorf("%s %q: %d %s", method, path, odd.Code, odd.Body)
			}
			switch answered := last.Code != http.StatusAccepted; {
			case !answered && (got.err != nil || string(got.payload) != `"last"`):
				t.Errorf("%s %q, then the answer: the invocation ended with %q, %v", method, path, got.payload, got.err)
			case answered && last.Code != http.StatusBadRequest:
				t.Errorf("a second answer: %d", last.Code)
			case answered && id != "1":
				if !strings.Contains(path, "3") && !strings.Contains(path, "%3") {
					t.Errorf("%s %q has answered invocation %s", method, path, id)
				}
			case answered && got.err == nil && !bytes.Equal(got.payload, body):
				t.Errorf("the answer %q became %q", body, got.payload)
			case answered && got.err != nil && !errors.As(got.err, &problem):
				t.Errorf("failed with %v", got.err)
			}
		}
	})
}

// Whatever a handler returns, no message is let go that it named as failed, and none at all if it is no response.
func FuzzPartialBatchResponse(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `null`, `{}`, `[]`, `"ok"`, `1`, `true`, `{`, `{"batchItemFailures":null}`, `{"batchItemFailures":[]}`, `{"batchItemFailures":{}}`, `{"batchItemFailures":"1"}`,
		`{"batchItemFailures":[{"itemIdentifier":"1"}]}`, `{"batchItemFailures":[{"itemIdentifier":"1"},{"itemIdentifier":"1"},{"itemIdentifier":"3"}]}`,
		`{"batchItemFailures":[{"itemIdentifier":"4"}]}`, `{"batchItemFailures":[{"itemIdentifier":1}]}`, `{"batchItemFailures":[{"itemIdentifier":null}]}`,
		`{"batchItemFailures":[{"itemIdentifier":""}]}`, `{"batchItemFailures":[{"ItemIdentifier":"1"}]}`, `{"batchItemFailures":[null]}`, `{"batchItemFailures":["1"]}`,
		`{"batchItemFailures":[[]]}`, `{"batchItemFailures":[{}]}`, `{"BatchItemFailures":[{"itemIdentifier":"1"}]}`,
		`{"batchItemFailures":[{"itemIdentifier":"1"}],"batchitemfailures":[]}`, `{"batchItemFailures":[{"itemIdentifier":"1"}],"batchItemFailures":[]}`,
		`{"batchItemFailures":[{"itemIdentifier":"\u0031"}],"more":1}`, "{\"batchItemFailures\":[{\"itemIdentifier\":\"\xff\"}]}", "\xef\xbb\xbf{}",
	} {
		f.Add([]byte(seed))
	}
	var batch []types.Message
	for _, id := range []string{"1", "2", "3", "3"} { // SQS can deliver a message twice
		batch = append(batch, types.Message{MessageId: aws.String(id)})
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		done, err := worked(batch, answer)
		if err != nil {
			if !errors.Is(err, errBadResponse) || len(done) != len(batch) {
				t.Errorf("%q: %v, with %d messages", answer, err, len(done))
			}
			return
		}
		var response map[string]any
		if err := json.Unmarshal(answer, &response); err != nil && len(bytes.TrimSpace(answer)) > 0 {
			t.Fatalf("%q was taken for a response", answer)
		}
		failures, isList := response["batchItemFailures"].([]any)
		if !isList && response["batchItemFailures"] != nil {
			t.Fatalf("%q was taken for a list of failures", answer)
		}
		failed := map[any]bool{}
		for _, entry := range failures {
			members, _ := entry.(map[string]any)
			failed[members["itemIdentifier"]] = true
		}
		for _, m := range batch {
			isDone := slices.ContainsFunc(done, func(d types.Message) bool { return *d.MessageId == *m.MessageId })
			if isDone == failed[*m.MessageId] {
				t.Errorf("%q: message %s: failed %t, let go %t", answer, *m.MessageId, failed[*m.MessageId], isDone)
			}
		}
		for id, of := range failed {
			if of && id != "1" && id != "2" && id != "3" {
				t.Errorf("%q names %v, which is no message", answer, id)
			}
		}
	})
}
