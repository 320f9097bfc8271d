package emulator

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/coretasks/core/emulator/internal/jsontext"
)

const restContentType = "application/json"

// The resources of EventBridge Scheduler's protocol.
const (
	schedulesPath = "schedules"
	groupsPath    = "schedule-groups"
	tagsPath      = "tags"
)

// isScheduler tells Scheduler's requests by their path. A queue's URL, which begins with an account's number, can't be
// taken for one.
func isScheduler(r *http.Request) bool {
	resource, _, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	return r.Header.Get("X-Amz-Target") == "" &&
		(resource == schedulesPath || resource == groupsPath || resource == tagsPath)
}

// serveScheduler answers a request of the REST-JSON protocol.
func (e *Emulator) serveScheduler(w http.ResponseWriter, r *http.Request) {
	out, err := e.callScheduler(w, r)
	if err != nil {
		writeRestError(w, err)
		return
	}
	writeRest(w, http.StatusOK, appendWire(nil, reflect.ValueOf(out)))
}

// restRequest is a request that has been read: its resource, the name in its path, query and body.
type restRequest struct {
	resource, name string
	query          url.Values
	body           []byte
}

func (e *Emulator) callScheduler(w http.ResponseWriter, r *http.Request) (any, error) {
	if err := e.guard(r); err != nil {
		return nil, err
	}
	req, err := readRest(w, r)
	if err != nil {
		return nil, err
	}
	region, err := requestRegion(r)
	if err != nil {
		return nil, err
	}
	s, ctx := e.Scheduler(), r.Context()
	if region != "" {
		s = s.In(region)
	}
	switch named := req.name != ""; {
	case req.resource == schedulesPath && named:
		return s.callSchedule(ctx, r.Method, req)
	case req.resource == groupsPath && named:
		return s.callGroup(ctx, r.Method, req)
	case req.resource == tagsPath && named:
		return s.callTags(ctx, r.Method, req)
	case r.Method == http.MethodGet && req.resource == schedulesPath:
		in := &scheduler.ListSchedulesInput{
			GroupName: req.param("ScheduleGroup"), NamePrefix: req.param("NamePrefix"), NextToken: req.param("NextToken"),
			State: types.ScheduleState(req.query.Get("State")),
		}
		if in.MaxResults, err = req.number("MaxResults"); err != nil {
			return nil, err
		}
		return s.listSchedules(ctx, in)
	case r.Method == http.MethodGet && req.resource == groupsPath:
		in := &scheduler.ListScheduleGroupsInput{NamePrefix: req.param("NamePrefix"), NextToken: req.param("NextToken")}
		if in.MaxResults, err = req.number("MaxResults"); err != nil {
			return nil, err
		}
		return s.listScheduleGroups(ctx, in)
	}
	return nil, faultRoute(r.Method, req)
}

// scheduleBody is the body of CreateSchedule and UpdateSchedule: the SDK's struct, whose times are numbers here.
type scheduleBody struct {
	scheduler.CreateScheduleInput
	StartDate, EndDate *epoch
}

func (b *scheduleBody) input(name string) scheduler.CreateScheduleInput {
	in := b.CreateScheduleInput
	in.Name, in.StartDate, in.EndDate = &name, (*time.Time)(b.StartDate), (*time.Time)(b.EndDate)
	return in
}

// epoch is a time as seconds since 1970.
type epoch time.Time

// UnmarshalJSON implements [json.Unmarshaler].
func (e *epoch) UnmarshalJSON(text []byte) error {
	var seconds float64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	*e = epoch(time.UnixMilli(int64(seconds * 1000)).UTC())
	return nil
}

func (s *Scheduler) callSchedule(ctx context.Context, method string, req *restRequest) (any, error) {
	switch method {
	case http.MethodGet:
		return s.getSchedule(ctx, &scheduler.GetScheduleInput{Name: &req.name, GroupName: req.param("groupName")})
	case http.MethodDelete:
		return s.deleteSchedule(ctx, &scheduler.DeleteScheduleInput{
			Name: &req.name, GroupName: req.param("groupName"), ClientToken: req.param("clientToken"),
		})
	case http.MethodPost, http.MethodPut:
		body := &scheduleBody{}
		if err := req.read(body); err != nil {
			return nil, err
		}
		in := body.input(req.name)
		if method == http.MethodPost {
			return s.createSchedule(ctx, &in)
		}
		return s.updateSchedule(ctx, (*scheduler.UpdateScheduleInput)(&in))
	}
	return nil, faultRoute(method, req)
}

func (s *Scheduler) callGroup(ctx context.Context, method string, req *restRequest) (any, error) {
	switch method {
	case http.MethodGet:
		return s.getScheduleGroup(ctx, &scheduler.GetScheduleGroupInput{Name: &req.name})
	case http.MethodDelete:
		return s.deleteScheduleGroup(ctx, &scheduler.DeleteScheduleGroupInput{
			Name: &req.name, ClientToken: req.param("clientToken"),
		})
	case http.MethodPost:
		in := &scheduler.CreateScheduleGroupInput{}
		if err := req.read(in); err != nil {
			return nil, err
		}
		in.Name = &req.name
		return s.createScheduleGroup(ctx, in)
	}
	return nil, faultRoute(method, req)
}

func (s *Scheduler) callTags(ctx context.Context, method string, req *restRequest) (any, error) {
	switch method {
	case http.MethodGet:
		return s.listTagsForResource(ctx, &scheduler.ListTagsForResourceInput{ResourceArn: &req.name})
	case http.MethodDelete:
		return s.untagResource(ctx, &scheduler.UntagResourceInput{ResourceArn: &req.name, TagKeys: req.query["TagKeys"]})
	case http.MethodPost:
		in := &scheduler.TagResourceInput{}
		if err := req.read(in); err != nil {
			return nil, err
		}
		in.ResourceArn = &req.name
		return s.tagResource(ctx, in)
	}
	return nil, faultRoute(method, req)
}

// readRest reads path, query and body. A POST must say that it is JSON: that is what a web page can't say of a request to
// another origin without asking first, as it must ask for PUT and DELETE.
func readRest(w http.ResponseWriter, r *http.Request) (*restRequest, error) {
	req := &restRequest{query: r.URL.Query()}
	var escaped string
	req.resource, escaped, _ = strings.Cut(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	var err error
	if req.name, err = url.PathUnescape(escaped); err != nil {
		return nil, faultSerialization(err)
	}
	if r.Method == http.MethodPost {
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != restContentType {
			return nil, newFault(coralPrefix+"SerializationException", "", "The Content-Type must be %s.", restContentType)
		}
	}
	if req.body, err = readBody(w, r); err != nil {
		return nil, faultBody(err)
	}
	if err := jsontext.Check(req.body); err != nil {
		return nil, faultSerialization(err)
	}
	return req, nil
}

func (r *restRequest) read(to any) error {
	if len(r.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(r.body, to); err != nil {
		return faultSerialization(err)
	}
	return nil
}

// param gives a parameter of the query, or nil.
func (r *restRequest) param(name string) *string {
	if !r.query.Has(name) {
		return nil
	}
	return aws.String(r.query.Get(name))
}

func (r *restRequest) number(name string) (*int32, error) {
	text := r.param(name)
	if text == nil {
		return nil, nil //nolint:nilnil // not given
	}
	n, err := strconv.ParseInt(*text, 10, 32)
	if err != nil {
		return nil, faultValidation("The value %q of %s is no number.", *text, name)
	}
	return aws.Int32(int32(n)), nil
}

func faultRoute(method string, r *restRequest) error {
	f := newFault(coralPrefix+"UnknownOperationException", "",
		"EventBridge Scheduler has no operation %s /%s.", method, r.resource)
	f.status = http.StatusNotFound
	return f
}

func writeRest(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", restContentType)
	h.Set("X-Amzn-Requestid", uuid.NewString())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone asks again
}

// writeRestError answers with a fault; the header names it, which is where SDKs look first.
func writeRestError(w http.ResponseWriter, err error) {
	f := asFault(err)
	kind := f.name()
	if f.blame() == smithy.FaultServer {
		kind = "InternalServerException"
	}
	w.Header().Set("X-Amzn-Errortype", kind)
	body, _ := json.Marshal(map[string]string{"Message": f.message})
	writeRest(w, f.status, body)
}
