package emulator

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/emulator/internal/schedule"
)

// inMemory is an emulator that answers every receive at once and fires only when it is told to.
func inMemory(t testing.TB) *Emulator {
	t.Helper()
	e, err := Open(Config{})
	if err != nil {
		t.Fatal(err)
	}
	e.EndWaits()
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func (e *Emulator) makeQueue(t testing.TB, name string, attrs map[string]string) *string {
	t.Helper()
	out, err := e.SQS().CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attrs})
	if err != nil {
		t.Fatal(err)
	}
	return out.QueueUrl
}

// arnOf is the ARN of a queue of the default region.
func (e *Emulator) arnOf(name string) string { return e.arn(inRegion{defaultRegion, name}) }

// request makes a request; each line of headers is one, and "Host", "Method" and "Path" stand for those.
func request(t *testing.T, e *Emulator, method, path, headers, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:4560/", strings.NewReader(body))
	for line := range strings.SplitSeq(headers, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "Host":
			r.Host = value
		case "Method":
			method = value
		case "Path":
			path = value
		default:
			r.Header.Set(name, value)
		}
	}
	u, err := r.URL.Parse(path)
	if err != nil {
		t.Skip("net/http answers before a handler sees it")
	}
	r.Method, r.URL = method, u
	w := httptest.NewRecorder()
	e.Handler().ServeHTTP(w, r)
	return w
}

// shapes are the errors that SQS has, and those of its protocol.
var shapes = regexp.MustCompile(`^(com\.amazonaws\.sqs#(QueueDoesNotExist|QueueNameExists|InvalidAddress|UnsupportedOperation|` +
	`InvalidParameterValueException|MissingRequiredParameterException|InvalidAttributeName|InvalidAttributeValue|InvalidMessageContents|` +
	`ReceiptHandleIsInvalid|OverLimit|QueueDeletedRecently|PurgeQueueInProgress|ResourceNotFoundException|EmptyBatchRequest|` +
	`TooManyEntriesInBatchRequest|BatchEntryIdsNotDistinct|InvalidBatchEntryId|BatchRequestTooLong)|com\.amazon\.coral\.service#` +
	`(UnknownOperationException|SerializationException|RequestEntityTooLargeException|AccessDeniedException|InvalidSignatureException))$`)

var queryError = regexp.MustCompile(`^[A-Za-z.]+;Sender$`)

// wellFormed holds an answer to what a client can read: an object, or an error that names itself as the protocol has it. A
// status of 500 would be a fault of ours.
func wellFormed(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/xml") {
		var answer errorResponse
		if err := xml.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Type != "Sender" || answer.Code == "" || answer.Message == "" ||
			w.Code < 400 || w.Code > 499 {
			t.Errorf("%d %s: %v", w.Code, w.Body, err)
		}
		return
	}
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer == nil {
		t.Errorf("%d %q: %v", w.Code, w.Body, err)
	}
	if w.Code == http.StatusOK {
		return
	}
	text := func(member string) (s string) { _ = json.Unmarshal(answer[member], &s); return s }
	if kind := w.Header().Get("X-Amzn-Errortype"); kind != "" { // of EventBridge Scheduler
		known := []string{validationException, conflictException, resourceNotFound, serviceQuotaExceeded}
		if !slices.Contains(known, kind) && !shapes.MatchString(coralPrefix+kind) || text("Message") == "" || w.Code < 400 || w.Code > 499 {
			t.Errorf("%d %s %s", w.Code, kind, w.Body)
		}
		return
	}
	kind, query := text("__type"), w.Header().Get("X-Amzn-Query-Error")
	if !shapes.MatchString(kind) || text("message") == "" || w.Code < 400 || w.Code > 499 ||
		strings.HasPrefix(kind, sqsPrefix) != queryError.MatchString(query) {
		t.Errorf("%d %s, query error %q", w.Code, w.Body, query)
	}
}

// Whatever arrives, the answer is one that a client can read, and the messages that are there stay: but for the one in flight
// when its own receipt handle, which HANDLE stands for, is deleted, and for a queue that is purged or deleted.
func FuzzHandler(f *testing.F) {
	operations := []string{
		"CreateQueue", "GetQueueUrl", "GetQueueAttributes", "SetQueueAttributes", "ListQueues", "DeleteQueue", "PurgeQueue",
		"TagQueue", "UntagQueue", "ListQueueTags", "SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage",
		"DeleteMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "ListDeadLetterSourceQueues",
		"StartMessageMoveTask", "CancelMessageMoveTask", "ListMessageMoveTasks", "AddPermission", "RemovePermission",
	}
	at := `"QueueUrl":"http://h/000000000000/jobs"`
	for _, operation := range operations {
		for _, body := range []string{
			``, `{}`, `null`, `[]`, `{"QueueName":"q","Attributes":{"RedrivePolicy":"{\"maxReceiveCount\":[]}"}}`,
			`{` + at + `,"MessageBody":"x","MessageAttributes":{"a":{"DataType":"Number","StringValue":"1e999"},"b":{"DataType":"Binary","BinaryValue":"AQ=="}}}`,
			`{` + at + `,"Entries":[{"Id":"1","MessageBody":"\u0000","DelaySeconds":-1,"ReceiptHandle":"AQ=="},{"Id":"2","MessageBody":"y","ReceiptHandle":"HANDLE","VisibilityTimeout":0}]}`,
			`{` + at + `,"MaxNumberOfMessages":10,"MessageAttributeNames":[".*"],"AttributeNames":["All"],"WaitTimeSeconds":20}`,
			`{` + at + `,"ReceiptHandle":"AQAAAAAAAAABAAAAAAAAAAIAAAABAAAAAA==","VisibilityTimeout":null}`,
			`{` + at + `,"ReceiptHandle":"HANDLE","VisibilityTimeout":43200}`,
			`{` + at + `,"Attributes":{"Policy":"{\"Statement\":[]}","RedriveAllowPolicy":"{\"redrivePermission\":\"byQueue\"}"}}`,
			`{` + at + `,"Attributes":{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:jobs-dlq\",\"maxReceiveCount\":\"1\"}","VisibilityTimeout":"0"}}`,
			`{` + at + `,"Label":"l","AWSAccountIds":["1"],"Actions":["*"],"TagKeys":[""],"Tags":{"":""}}`,
			`{"QueueUrl":"http://h/000000000000/jobs-dlq","MaxResults":1,"NextToken":"eA=="}`,
			`{"SourceArn":"arn:aws:sqs:us-east-1:000000000000:jobs-dlq","DestinationArn":"arn:aws:sqs:us-east-1:000000000000:jobs","MaxNumberOfMessagesPerSecond":500}`,
			`{"SourceArn":"arn:aws:sqs:us-east-1:000000000000:jobs-dlq","TaskHandle":"eyJ0YXNrSWQiOiJ4Iiwic291cmNlQXJuIjoiYXJuOmF3czpzcXM6dXMtZWFzdC0xOjAwMDAwMDAwMDAwMDpqb2JzLWRscSJ9"}`,
			`{"QueueName":"jobs","Attributes":{"RedrivePolicy":"{\"maxReceiveCount\":1,\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:jobs-dlq\"}"},"tags":{"a":"b"}}`,
		} {
			f.Add(operation, body, "")
		}
	}
	for _, operation := range []string{"SendMessage", "SendMessageBatch", "TagQueue"} {
		for _, text := range []string{`\ud800`, `\ud83d\ude00`, `\\udc00`, "\xff", "\xed\xa0\x80", `\ufffe`} {
			f.Add(operation, `{`+at+`,"MessageBody":"`+text+`","Tags":{"k":"`+text+`"},"Entries":[{"Id":"1","MessageBody":"`+text+`"},{"Id":"2","MessageBody":"x"}]}`, "")
		}
	}
	for _, headers := range []string{
		"Method: GET\nPath: /_core/health", "Method: HEAD\nPath: /_core/health?x", "Path: /_core/health", "Method: DELETE\nPath: /_core/", "Path: /000000000000/jobs",
		"Content-Type: application/x-www-form-urlencoded", "Content-Type: application/json", "Content-Type: ;", "X-Amz-Target: DynamoDB_20120810.ListTables",
		"X-Amz-Target: ", "X-Amz-Target: \nContent-Type: application/x-www-form-urlencoded", "X-Amz-Target: \nMethod: GET\nPath: /1/q?Action=\x00",
		"X-Amz-Target: \nContent-Type: application/x-www-form-urlencoded\nHost: \xff<&", "Host: evil.example", "Host: ", "Host: [::1", "Origin: null", "Origin: http://127.0.0.1:4560", "Sec-Fetch-Site: same-site", "X-Amzn-Trace-Id: \x00", "Method: GET\nPath: /schedules",
		"Authorization: AWS4-HMAC-SHA256 Credential=K/20261127/us-east-1/sqs/aws4_request, Signature=0", "Path: /queue/eu-west-1/000000000000/jobs",
		"Authorization: AWS4-HMAC-SHA256 Credential=K/20261127/eu-west-1/sqs/aws4_request, Signature=0", "Path: /?X-Amz-Credential=K/1/US/sqs/aws4_request",
	} {
		f.Add("ListQueues", "{}", headers)
		f.Add("SendMessage", `{`+at+`,"MessageBody":"x"}`, headers)
		f.Add("SendMessage", "Action=SendMessage&Version=2012-11-05&MessageBody=x", headers)
	}
	f.Fuzz(func(t *testing.T, operation, body, headers string) {
		e := inMemory(t)
		ctx, c := t.Context(), e.SQS()
		dlq := e.makeQueue(t, "jobs-dlq", nil)
		jobs := e.makeQueue(t, "jobs", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + e.arnOf("jobs-dlq") + `","maxReceiveCount":1}`})
		for _, m := range []sqs.SendMessageInput{
			{QueueUrl: jobs, MessageBody: aws.String("in flight")}, {QueueUrl: jobs, MessageBody: aws.String("delayed"), DelaySeconds: 900},
			{QueueUrl: dlq, MessageBody: aws.String("dead")},
		} {
			if _, err := c.SendMessage(ctx, &m); err != nil {
				t.Fatal(err)
			}
		}
		out, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: jobs})
		if err != nil {
			t.Fatal(err)
		}
		body = strings.ReplaceAll(body, "HANDLE", *out.Messages[0].ReceiptHandle)
		w := request(t, e, http.MethodPost, "/", "Content-Type: "+contentType+"\nX-Amz-Target: AmazonSQS."+operation+"\n"+headers, body)
		wellFormed(t, w)
		held := e.bodies()
		for _, message := range []string{"in flight", "delayed", "dead"} {
			mayGo := operation == "DeleteQueue" || operation == "PurgeQueue" ||
				message == "in flight" && strings.HasPrefix(operation, "DeleteMessage") && strings.Contains(body, *out.Messages[0].ReceiptHandle)
			if held[message] == 0 && (!mayGo || w.Code != http.StatusOK) {
				t.Errorf("%s %s: %d %s, and the message %q is gone", operation, body, w.Code, w.Body, message)
			}
		}
		if !strings.Contains(body, "\ufffd") && !strings.Contains(strings.ToLower(body), `\ufffd`) {
			for text := range held {
				if strings.Contains(text, "\ufffd") {
					t.Errorf("%s %q: %q is stored", operation, body, text)
				}
			}
		}
		var batch struct{ Entries, Successful, Failed []json.RawMessage }
		if strings.HasSuffix(operation, "Batch") && w.Code == http.StatusOK && json.Unmarshal([]byte(body), &batch) == nil {
			entries := len(batch.Entries)
			if err := json.Unmarshal(w.Body.Bytes(), &batch); err != nil || len(batch.Successful)+len(batch.Failed) != entries {
				t.Errorf("of %d entries %d succeeded and %d failed (%v)", entries, len(batch.Successful), len(batch.Failed), err)
			}
		}
	})
}

const scheduleJSON = `{"ScheduleExpression":"cron(0 0 1 1 ? 2199)","FlexibleTimeWindow":{"Mode":"OFF"},"StartDate":4102444800.5,
	"Target":{"Arn":"arn:aws:sqs:us-east-1:000000000000:jobs","RoleArn":"arn:aws:iam::000000000000:role/r","Input":"<hello>"}}`

// Whatever arrives, the answer is one that a client can read; schedules are gone only when they were deleted, or their group; what
// was accepted can be read, from a file as well; and a listing in pages has every schedule once.
func FuzzRest(f *testing.F) {
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		for _, path := range []string{
			"/schedules", "/schedules/one", "/schedules/%zz", "/schedule-groups", "/schedule-groups/app", "/schedules?MaxResults=1&NextToken=YWZ0ZXI6eA==",
			"/schedules/new?groupName=app&clientToken=t", "/schedules?ScheduleGroup=app&NamePrefix=t&State=ENABLED", "/schedule-groups?MaxResults=1&NextToken=YWZ0ZXI6",
			"/tags/arn:aws:scheduler:us-east-1:000000000000:schedule-group/app?TagKeys=k", "/schedules/one?groupName=default", "/schedule-groups/default", "/schedules/a%2Fb",
		} {
			for _, body := range []string{
				"", "null", "[]", scheduleJSON, `{"Tags":[{"Key":"k","Value":"v"},{}]}`, `{"Target":{"RetryPolicy":{}},"StartDate":1e300}`,
				strings.Replace(scheduleJSON, "{", `{"GroupName":"app","ClientToken":"t","ActionAfterCompletion":"DELETE",`, 1),
				strings.Replace(scheduleJSON, "cron(0 0 1 1 ? 2199)", "at(2020-01-01T00:00:00)", 1),
				strings.Replace(scheduleJSON, "cron(0 0 1 1 ? 2199)", "rate(1 minute)", 1),
				strings.Replace(scheduleJSON, `{"Mode":"OFF"}`, `{"Mode":"FLEXIBLE","MaximumWindowInMinutes":15}`, 1),
			} {
				f.Add(method, path, body, "")
			}
		}
	}
	f.Add("POST", "/schedules/new", scheduleJSON, "Content-Type: text/plain")
	f.Add("DELETE", "/schedules/one", "", "Origin: http://evil.example")
	for _, path := range []string{"/schedules/one", "/schedules/one?groupName=default", "/schedule-groups/app", "/schedules"} {
		for _, region := range []string{"eu-west-1", "us-east-1", "EU", ""} {
			headers := "Authorization: AWS4-HMAC-SHA256 Credential=K/20261127/" + region + "/scheduler/aws4_request, Signature=0"
			for _, method := range []string{"GET", "POST", "DELETE"} {
				f.Add(method, path, scheduleJSON, headers)
			}
		}
	}
	f.Fuzz(func(t *testing.T, method, path, body, headers string) {
		if !strings.HasPrefix(path, "/schedule") && !strings.HasPrefix(path, "/tags") {
			t.Skip()
		}
		e := inMemory(t)
		const json1 = "Content-Type: " + restContentType + "\n"
		request(t, e, http.MethodPost, "/schedule-groups/app", json1, `{"Tags":[{"Key":"k","Value":"v"}]}`)
		inApp := strings.Replace(scheduleJSON, "{", `{"GroupName":"app",`, 1)
		for name, body := range map[string]string{"one": scheduleJSON, "two": inApp, "three": inApp} {
			if w := request(t, e, http.MethodPost, "/schedules/"+name, json1, body); w.Code != http.StatusOK {
				t.Fatal(w.Body)
			}
		}
		before := e.definitions()
		w := request(t, e, method, path, json1+headers, body)
		wellFormed(t, w)
		after := e.definitions()
		for arn, was := range before {
			is, there := after[arn]
			group, name, _ := strings.Cut(strings.SplitN(arn, ":schedule/", 2)[1], "/")
			deleted := method == http.MethodDelete && strings.Contains(unescaped(path), name) || strings.Contains(unescaped(path), "schedule-groups/"+group)
			if w.Code != http.StatusOK && is != was || !there && !deleted {
				t.Errorf("%s %s %s: %d, and %s is %q", method, path, body, w.Code, arn, is)
			}
		}
		var answer struct{ ScheduleArn string }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err == nil && answer.ScheduleArn != "" && method != http.MethodGet && after[answer.ScheduleArn] == "" {
			t.Errorf("%s was accepted and is not there", answer.ScheduleArn)
		}
		e.checkDefinitions(t)
		listed := 0
		regions := map[string]bool{}
		for arn := range after {
			regions[strings.Split(arn, ":")[3]] = true
		}
		for region := range regions {
			s, in := e.Scheduler().In(region), &scheduler.ListSchedulesInput{MaxResults: aws.Int32(1)}
			for ok := true; ok; ok = in.NextToken != nil {
				out, err := s.ListSchedules(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				listed += len(out.Schedules)
				in.NextToken = out.NextToken
			}
		}
		if listed != len(after) {
			t.Errorf("%d schedules are listed of %d", listed, len(after))
		}
	})
}

func unescaped(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	return u.Path
}

// definitions are all schedules by their ARNs, in JSON.
func (e *Emulator) definitions() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[string]string{}
	for _, g := range e.timetable.groups {
		for _, s := range g.schedules {
			text, _ := json.Marshal(s.Definition)
			all[e.scheduleARN(s)] = string(text)
		}
	}
	return all
}

// checkDefinitions checks that what is in memory can be read when it comes from a file.
func (e *Emulator) checkDefinitions(t *testing.T) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, g := range e.timetable.groups {
		if err := checkGroupRow(g.key(), &g.groupRow); err != nil {
			t.Errorf("group %q: %v", g.Name, err)
		}
		for _, s := range g.schedules {
			text, err := json.Marshal(s.scheduleRow)
			var row scheduleRow
			if err == nil {
				err = json.Unmarshal(text, &row)
			}
			if err == nil {
				err = schedule.Check(&row.Definition)
			}
			if err == nil {
				_, err = schedule.NewTiming(&row.Definition, time.UnixMilli(row.Created))
			}
			if err != nil || !sameDefinition(&row.Definition, &s.Definition) {
				t.Errorf("the definition %s can't be read again: %v", text, err)
			}
		}
	}
}
