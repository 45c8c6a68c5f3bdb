"""The pages of `test_django.py`: one counts its visits, one ends the session."""

from django.http import HttpResponse
from django.urls import path


def visit(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse(str(request.session["visits"]))


def leave(request):
    request.session.flush()
    return HttpResponse("left")


urlpatterns = [path("", visit), path("leave", leave)]
