package emulator_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/coretasks/core/emulator"
)

// Half of a surrogate pair is no character. What is sent comes back as it was sent, or is refused where it was.
func TestLoneSurrogates(t *testing.T) {
	t.Parallel()
	h := open(t, emulator.Config{}).Handler()
	post(h, "CreateQueue", `{"QueueName":"q"}`, nil)
	const serialization = "com.amazon.coral.service#SerializationException"
	at := `"QueueUrl":"http://h/000000000000/q"`
	for name, test := range map[string]struct{ operation, body, kind, says string }{
		"a body": {"SendMessage", `{` + at + `,"MessageBody":"a\ud800b"}`, "com.amazonaws.sqs#InvalidMessageContents",
			"Invalid binary character '#xD800' was found in the message body, "},
		"the second half": {"SendMessage", `{` + at + `,"MessageBody":"\uDE00"}`, "com.amazonaws.sqs#InvalidMessageContents", "'#xDE00'"},
		"halves in the wrong order": {"SendMessage", `{` + at + `,"MessageBody":"\ude00\ud83d"}`,
			"com.amazonaws.sqs#InvalidMessageContents", "'#xDE00'"},
		"an attribute's value": {"SendMessage", `{` + at + `,"MessageBody":"x","MessageAttributes":{"a":{"DataType":"String","StringValue":"\udbff"}}}`,
			"com.amazonaws.sqs#InvalidParameterValueException", "'#xDBFF' was found in the message attribute 'a' value"},
		"an attribute's name": {"SendMessage", `{` + at + `,"MessageBody":"x","MessageAttributes":{"\ud800":{"DataType":"String","StringValue":"x"}}}`,
			"com.amazonaws.sqs#InvalidParameterValueException", "alphanumeric"},
		"an attribute's type": {"SendMessage", `{` + at + `,"MessageBody":"x","MessageAttributes":{"a":{"DataType":"String.\ud800","StringValue":"x"}}}`,
			"com.amazonaws.sqs#InvalidParameterValueException", "type"},
		"a trace header": {"SendMessage", `{` + at + `,"MessageBody":"x","MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":"\ud800"}}}`,
			"com.amazonaws.sqs#InvalidParameterValueException", "'AWSTraceHeader'"},
		"a group": {"SendMessage", `{` + at + `,"MessageBody":"x","MessageGroupId":"\ud800"}`,
			"com.amazonaws.sqs#InvalidParameterValueException", "MessageGroupId"},
		"a queue": {"SendMessage", `{"QueueUrl":"http://h/000000000000/\ud800","MessageBody":"x"}`,
			"com.amazonaws.sqs#QueueDoesNotExist", "does not exist"},
		"a tag":                {"TagQueue", `{` + at + `,"Tags":{"k":"\ud800"}}`, serialization, `\uD800 at byte`},
		"a policy":             {"SetQueueAttributes", `{` + at + `,"Attributes":{"Policy":"{\"Id\":\"\udfff\"}"}}`, serialization, `\uDFFF`},
		"bytes":                {"SendMessage", `{` + at + ",\"MessageBody\":\"caf\xe9\"}", serialization, "not UTF-8"},
		"a surrogate as bytes": {"SendMessage", `{` + at + ",\"MessageBody\":\"\xed\xa0\x80\"}", serialization, "not UTF-8"},
		"bytes in a tag":       {"TagQueue", `{` + at + ",\"Tags\":{\"k\":\"\xff\"}}", serialization, "not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := post(h, test.operation, test.body, nil)
			var answer struct {
				Type    string `json:"__type"`
				Message string `json:"message"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			if w.Code != http.StatusBadRequest || answer.Type != test.kind || !strings.Contains(answer.Message, test.says) {
				t.Errorf("%d %s, want %s with %q", w.Code, w.Body, test.kind, test.says)
			}
		})
	}
}

// In a batch only the entry is refused that has it. Pairs, and backslashes before a u, are what they are.
func TestLoneSurrogateInABatch(t *testing.T) {
	t.Parallel()
	h := open(t, emulator.Config{}).Handler()
	post(h, "CreateQueue", `{"QueueName":"q"}`, nil)
	w := post(h, "SendMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"bad","MessageBody":"\ud83d"},{"Id":"pair","MessageBody":"\ud83d\ude00"},`+
		`{"Id":"text","MessageBody":"\\ud83d"},{"Id":"other","MessageBody":"\uffff"}]}`, nil)
	var answer struct {
		Successful, Failed []struct{ Id, Code, Message string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || len(answer.Successful) != 2 || len(answer.Failed) != 2 {
		t.Fatalf("%s, %v", w.Body, err)
	}
	for i, want := range []string{"'#xD83D'", "'#xFFFF'"} {
		if f := answer.Failed[i]; f.Code != "InvalidMessageContents" || !strings.Contains(f.Message, want) {
			t.Errorf("%+v, want %s", f, want)
		}
	}
	got := post(h, "ReceiveMessage", `{"QueueUrl":"q","MaxNumberOfMessages":10}`, nil).Body.String()
	if !strings.Contains(got, `"Body":"😀"`) || !strings.Contains(got, `"Body":"\\ud83d"`) {
		t.Error(got)
	}
}

// A schedule's request is held to the same, and so is the request in a universal target's Input.
func TestLoneSurrogatesInSchedules(t *testing.T) {
	t.Parallel()
	h := open(t, emulator.Config{}).Handler()
	with := func(target string) string {
		return `{"ScheduleExpression":"rate(1 day)","FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"RoleArn":"arn:aws:iam::000000000000:role/r",` + target + `}}`
	}
	for name, test := range map[string]struct{ path, body, kind, says string }{
		"an input": {"/schedules/s", with(`"Arn":"arn:aws:sqs:us-east-1:000000000000:q","Input":"\ud800"`), "SerializationException", `\uD800 at byte`},
		"bytes":    {"/schedules/s", with("\"Arn\":\"arn:aws:sqs:us-east-1:000000000000:q\",\"Input\":\"\xff\""), "SerializationException", "not UTF-8"},
		"a tag":    {"/schedule-groups/g", `{"Tags":[{"Key":"k","Value":"\udc00"}]}`, "SerializationException", `\uDC00`},
		"a request": {"/schedules/s", with(`"Arn":"arn:aws:scheduler:::aws-sdk:sqs:sendMessage","Input":"{\"QueueUrl\":\"q\",\"MessageBody\":\"\\ud800\"}"`),
			"ValidationException", `\uD800`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := rest(h, http.MethodPost, test.path, test.body, nil)
			if w.Code != http.StatusBadRequest || w.Header().Get("X-Amzn-Errortype") != test.kind || !strings.Contains(w.Body.String(), strings.ReplaceAll(test.says, `\`, `\\`)) {
				t.Errorf("%d %s %s, want %s with %q", w.Code, w.Header().Get("X-Amzn-Errortype"), w.Body, test.kind, test.says)
			}
		})
	}
}
