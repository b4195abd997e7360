# tenon-sentiment. With a static library it is one file that needs nothing beside it; else it is built when asked for.
set(SERVE ${CMAKE_CURRENT_LIST_DIR}/serve)
add_executable(tenon-sentiment ${CMAKE_CURRENT_LIST_DIR}/serve.cpp
  ${SERVE}/answers.cpp ${SERVE}/judge.cpp ${SERVE}/lines.cpp ${SERVE}/options.cpp)
target_include_directories(tenon-sentiment PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(tenon-sentiment PRIVATE Tenon::tenon Threads::Threads)
target_compile_options(tenon-sentiment PRIVATE -Wall -Wextra)
set_target_properties(tenon-sentiment PROPERTIES EXCLUDE_FROM_ALL ${BUILD_SHARED_LIBS}
  RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
if(NOT BUILD_SHARED_LIBS)
  # The linker warns of the CUDA plug-in's dlopen, which a program that stays on the CPU never calls.
  target_link_options(tenon-sentiment PRIVATE -static -s)
endif()

# Headers only, of Debian's libboost-dev; without them there is no --http.
find_path(TENON_BEAST_INCLUDE boost/beast.hpp)
mark_as_advanced(TENON_BEAST_INCLUDE)
if(TENON_BEAST_INCLUDE)
  foreach(kind html css js)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${SERVE}/page.${kind})
    string(TOUPPER ${kind} name)
    file(READ ${SERVE}/page.${kind} PAGE_${name})
  endforeach()
  configure_file(${SERVE}/page.cpp.in ${CMAKE_CURRENT_BINARY_DIR}/sentiment_page.cpp @ONLY)
  target_sources(tenon-sentiment PRIVATE ${SERVE}/http.cpp ${SERVE}/site.cpp
    ${CMAKE_CURRENT_BINARY_DIR}/sentiment_page.cpp)
  # GCC takes the memory of coroutines for mismatched.
  set_source_files_properties(${SERVE}/http.cpp ${SERVE}/site.cpp PROPERTIES
    COMPILE_OPTIONS "-Os;$<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>")
  target_include_directories(tenon-sentiment SYSTEM PRIVATE ${TENON_BEAST_INCLUDE} ${TENON_JSON_INCLUDE})
else()
  target_sources(tenon-sentiment PRIVATE ${SERVE}/without_http.cpp)
endif()
