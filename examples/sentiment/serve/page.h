// The files of the page, as CMake puts them into the program.
#pragma once

namespace sentiment {

extern const char* const kPageHtml;
extern const char* const kPageCss;
extern const char* const kPageJs;

}  // namespace sentiment
