// SPDX-License-Identifier: MIT
// The header's types and functions in modern C++: no exception specification is in the way, the
// progress callback may be a lambda, and structs can be in containers.
#include <restartmanager.h>
#include <rstrtmgr.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

static_assert(std::is_trivially_copyable<RM_PROCESS_INFO>::value, "a plain struct");
static_assert(std::is_standard_layout<RM_FILTER_INFO>::value, "a plain struct");
static_assert(std::is_same<decltype(RmEndSession(0)), DWORD>::value, "DWORD");

struct free_session {
	void operator()(rm_session *session) const
	{
		rm_session_free(session);
	}
};

static void call(RM_WRITE_STATUS_CALLBACK callback)
{
	callback(100);
}

int main()
{
	std::vector<RM_PROCESS_INFO> infos(3);
	std::basic_string<WCHAR> key(CCH_RM_SESSION_KEY + 1, WCHAR(0));
	std::unique_ptr<rm_session, free_session> session;
	DWORD handle = 0;

	try {
		call([](UINT percent) { throw std::runtime_error(std::to_string(percent)); });
	} catch (const std::runtime_error &error) {
		std::printf("1..2\n%s 1 - an exception comes through\n",
			    std::string("100") == error.what() ? "ok" : "not ok");
	}
	std::printf("%s 2 - arguments are checked\n",
		    RmStartSession(&handle, 1, &key[0]) == 160 && infos.size() == 3 && !session
			    ? "ok"
			    : "not ok");
	return 0;
}
